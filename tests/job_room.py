"""What the tests of schedules share: a service on a clock that stands still, and an action that waits at a gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opcode_core import Effect, Params, action
from opcode_core.model.requests import DefineRequest, QueryRequest, StatusRequest
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution, Registry
from opcode_core.service import Service
from opcode_core.settings import Settings
from opcode_core.testing.clock import FakeClock

SECONDS = 10.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def at(text: str) -> float:
    """A time in UTC, as seconds since 1970."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Given(Params):
    value: Any = None


class Room:
    """A database, a clock, and what its jobs did.

    Attributes:
        clock: The clock.
        began: What each `t.note` was given, in order.
        gate: Where `t.wait` waits.
        arrived: Released by each that waits there.
        at_gate: How many wait there.
    """

    def __init__(self, folder: Path, start: str) -> None:
        self.settings = Settings(db_path=folder / "jobs.db", durability="normal")
        self.clock = FakeClock(at(start))
        self.began: list[Any] = []
        self.gate = asyncio.Event()
        self.arrived = asyncio.Semaphore(0)
        self.registry = self._registry()
        self.at_gate = 0
        self._service: Service | None = None

    def _registry(self) -> Registry:
        @action("t.note", effect=Effect.IDEMPOTENT)
        def note(params: Given) -> Any:
            """Write it down."""
            self.began.append(params.value)
            return params.value

        @action("t.wait", effect=Effect.IDEMPOTENT)
        async def wait(params: Given) -> Any:
            """Wait at the gate."""
            self.began.append(params.value)
            self.arrived.release()
            self.at_gate += 1
            try:
                await self.gate.wait()
            finally:
                self.at_gate -= 1
            return params.value

        registry = load_plugins(Settings(plugins_allow=("steps", "cel", "workflow")))
        registry.take(Contribution("room", [note, wait]))
        return registry

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Service]:
        """The service, with what was due meanwhile already taken."""
        async with open_service(self.settings, clock=self.clock, registry=self.registry) as service:
            self._service = service
            await self.quiet()
            yield service

    async def quiet(self) -> None:
        """Wait until the scheduler sleeps again and whatever it started has ended, waits or is at the gate."""
        async with asyncio.timeout(SECONDS):
            while busy := self._busy():
                await asyncio.wait(busy, return_when="FIRST_COMPLETED", timeout=0.01)

    def _busy(self) -> list[asyncio.Task[Any]]:
        """What is still at work: one leads to another, so they are looked at together."""
        service = self._service
        assert service is not None
        assert service.upkeep is not None
        scheduler, engine = service.upkeep.jobs._scheduler, service._engine
        assert scheduler._task is not None
        awake = [] if sleeps(scheduler._wake) else [scheduler._task]
        running = [live.task for live in engine._live.values() if live.task]
        if len(running) <= self.at_gate:
            running = []
        return [*awake, *scheduler._beginning.tasks, *engine._tasks, *running]

    async def pass_time(self, seconds: float) -> None:
        """Let time pass as it does: every alarm rings at its time, and what it means is done before the next."""
        until = self.clock.now() + seconds
        while self.clock.now() < until:
            await self.quiet()
            rings = [alarm.when for _, _, alarm in self.clock._heap if alarm.call is not None]
            self.clock.advance(min([until, *rings]) - self.clock.now())
            await asyncio.sleep(0)
        await self.quiet()

    async def define(
        self, service: Service, name: str, *schedules: Any, action: str = "t.note", **more: Any
    ) -> dict[str, Any]:
        """Define a template of one step that is given its name and `inputs.n`."""
        step = {"id": "a", "action": action, "params": {"value": name}}
        definition = {"steps": [step], **more.pop("definition", {})}
        request = DefineRequest(name, definition, "ann", triggers={"cron": list(schedules)}, **more)
        return await service.define(request)

    async def jobs(self, service: Service, **filters: Any) -> dict[str, dict[str, Any]]:
        """The jobs, by name."""
        rows = (await service.query(QueryRequest("jobs", filters)))["jobs"]
        return {row["name"]: row for row in rows}

    async def runs(
        self, service: Service, template: str, wait_ms: int = 10_000
    ) -> list[dict[str, Any]]:
        """What the runs of a template began with, the oldest first, when each has ended or so long has passed."""
        filters = {"template_name": template, "limit": 500}
        rows = (await service.query(QueryRequest("workflows", filters)))["workflows"]
        found = []
        for row in sorted(rows, key=lambda row: str(row["workflow_id"])):
            status = await service.status(
                StatusRequest(row["workflow_id"], wait_ms=wait_ms, include=("events",))
            )
            begun = status["events"][0]["payload"]
            found.append(
                {
                    "status": status["status"],
                    "version": begun["template_version"],
                    "inputs": begun["inputs"],
                    "job": begun.get("job"),
                    "agent_id": status["events"][0]["agent_id"],
                }
            )
        return found

    async def began_all(self, count: int) -> None:
        """Wait until so many `t.wait` have begun."""
        for _ in range(count):
            await asyncio.wait_for(self.arrived.acquire(), SECONDS)


def sleeps(event: Any) -> bool:
    """Whether somebody waits for an event, and in vain so far."""
    return bool(event._waiters) and not event.is_set()


async def due_times(room: Room, service: Service, template: str) -> list[str]:
    """The due times of the runs of a template, in order, to the minute."""
    return [run["job"]["due"][:16] for run in await room.runs(service, template)]
