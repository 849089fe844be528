"""Putting the product together on one database, and taking it apart in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from opcode_core.archive import Archive
from opcode_core.clock import SystemClock
from opcode_core.engine.engine import Engine
from opcode_core.jobs import Jobs
from opcode_core.launching import Launcher
from opcode_core.moments import Clock
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.retention import Retention
from opcode_core.service import Service
from opcode_core.settings import Settings
from opcode_core.store.sqlite.store import open_store
from opcode_core.templates import Templates
from opcode_core.upkeep import Upkeep


@asynccontextmanager
async def open_service(
    settings: Settings,
    *,
    clock: Clock | None = None,
    registry: Registry | None = None,
    lock: int | None = None,
    resting: bool = False,
) -> AsyncIterator[Service]:
    """The whole product on one database, closed in order at the end.

    Args:
        settings: The settings.
        clock: What time it is; the machine's by default.
        registry: What plugins brought; loaded by the settings by default.
        lock: The descriptor of the database's lock, if this process holds it already.
        resting: Whether it leaves alone what did not end before: for one question, by a process that ends at once.

    Raises:
        StoreError: The database cannot be used.
    """
    clock = clock or SystemClock()
    if registry is None:
        registry = await asyncio.to_thread(load_plugins, settings)
    working_directory = str(await asyncio.to_thread(Path.cwd))
    store = await open_store(settings.db_path, settings.durability, lock)
    try:
        launcher = Launcher(Templates(store, registry), clock, working_directory)
        engine = Engine(store, settings, clock, launcher)
        jobs = Jobs(store.jobs, store, engine, launcher, clock)
        engine.on_end = jobs.ended
        archive = Archive(store.archive, launcher.templates, jobs, clock)
        upkeep = Upkeep(jobs, Retention(store.old, engine, clock), archive)
        service = Service(store, registry, engine, launcher, clock, upkeep)
        if not resting:
            await jobs.load()  # before what ran goes on: it may be the run of a job
            await engine.recover()
            upkeep.begin(settings.retention)
        try:
            yield service
        finally:
            upkeep.stop()
            await engine.close()
            await upkeep.close()
            service.close()
    finally:
        await store.close()
