"""The whole product on a store in memory and a virtual loop: started, crashed and started again."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from memory_store import Disk, MemoryStore
from opcode_core.engine.engine import Engine
from opcode_core.launching import Launcher
from opcode_core.model.definition import Plan, TemplateVersion
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.registry import Registry
from opcode_core.service import Service
from opcode_core.settings import Settings
from opcode_core.templates import Templates
from virtual_time import VirtualClock, VirtualLoop


class Compiled:
    """Definitions checked once, for as many processes as like."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.plans: dict[tuple[str, str], Plan] = {}
        self.templates: dict[str, list[TemplateVersion]] = {}

    def add(self, name: str, definition: dict[str, Any]) -> None:
        """Check a definition; one that is refused is a fault of the test."""
        found = diagnose(definition, self.registry)
        assert found.plan is not None, found.errors
        self.plans[name, "v1"] = found.plan
        self.templates[name] = [
            TemplateVersion(name, "v1", definition, None, None, None, None, "me", 0)
        ]


class Process:
    """One process of the product.

    Attributes:
        service: The verbs.
        engine: What runs workflows.
        store: Where events go.

    Args:
        disk: What outlives it.
        compiled: The definitions.
        random: How long things take.
        settings: The settings.
    """

    def __init__(
        self, disk: Disk, compiled: Compiled, random: Random, settings: Settings | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        settings = settings or Settings()
        clock = VirtualClock(loop)
        self.store = MemoryStore(disk, random)
        templates = Templates(self.store, compiled.registry)
        templates._plans.update(compiled.plans)
        launcher = Launcher(templates, clock, "/")
        self.engine = Engine(self.store, settings, clock, launcher)
        self.service = Service(self.store, compiled.registry, self.engine, launcher, clock)

    async def close(self) -> None:
        """End it in order."""
        await self.engine.close()
        self.service.close()
        await self.store.close()

    async def crash(self) -> None:
        """End it at once: nothing that was not stored is, and nothing it does from now on has an effect."""
        self.store.journal.gone = True
        this = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not this]
        while others:
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=1.0)
            others = [task for task in asyncio.all_tasks() if task is not this]
        self.engine._alarms.close()
        self.service.close()
