"""A room for tests of the engine: the whole product in virtual time, or on SQLite with a clock that the test sets."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from memory_store import Disk
from opcode_core.errors import OpcodeError
from opcode_core.model.events import Event
from opcode_core.model.requests import DefineRequest, RunRequest, SignalRequest, StatusRequest
from opcode_core.model.state import WorkflowState
from opcode_core.opening import open_service
from opcode_core.plugins.registry import Registry
from opcode_core.service import Service
from opcode_core.settings import Settings
from simulated_actions import Outside, simulated
from simulated_process import Compiled, Process
from virtual_time import run_virtually

T = TypeVar("T")
HOUR = 3600.0
Step = dict[str, Any]


class Room:
    """The product, in virtual time: sleep as long as you like, it takes no time.

    Attributes:
        outside: What the simulated actions did.
        registry: What definitions may use.
        guard: Raises when something blocks the loop, while it is active; None before.
        process: The one that runs now.
    """

    def __init__(
        self, registry: Registry, outside: Outside, settings: Settings | None = None
    ) -> None:
        self.outside = outside
        self.registry = registry
        self._compiled = Compiled(registry)
        self._settings = settings or Settings()
        self._disk = Disk()
        self.guard: BlockBuster | None = None
        self.process = self._open()

    def _open(self) -> Process:
        return Process(self._disk, self._compiled, Random(0), self._settings)

    @property
    def service(self) -> Service:
        """The verbs."""
        return self.process.service

    def define(self, *steps: Step, name: str = "t", **more: Any) -> None:
        """Define a template; a refusal is the test's fault."""
        if self.guard is not None:
            self.guard.deactivate()  # the product does this in a thread
        try:
            self._compiled.add(name, {"steps": list(steps), **more})
        finally:
            if self.guard is not None:
                self.guard.activate()
        self._disk.templates.update(self._compiled.templates)
        self.service._launcher.templates._plans.update(self._compiled.plans)

    async def run(self, name: str = "t", wait: float = 50.0, **params: Any) -> str:
        """Start a workflow, and give its id when it has stopped or the seconds are over."""
        request = RunRequest(name, "me", params=params, wait_ms=round(wait * 1000))
        answer = await self.service.run(request)
        return str(answer["workflow_id"])

    async def signal(
        self, workflow_id: str, kind: str, step_id: str | None = None, **payload: Any
    ) -> dict[str, Any]:
        """Send a signal as the agent `you`, and wait for what comes of it."""
        request = SignalRequest(workflow_id, kind, payload, step_id, "you", wait_ms=50_000)
        return await self.service.signal(request)

    async def decide(
        self, workflow_id: str, choice: str = "yes", step_id: str | None = None
    ) -> str:
        """Answer a decision, and give the status after it."""
        answer = await self.signal(workflow_id, "decision", step_id, choice=choice)
        return str(answer["status"])

    async def answer(self, workflow_id: str) -> dict[str, Any]:
        """What `status` says of a workflow."""
        return await self.service.status(StatusRequest(workflow_id))

    async def state(self, workflow_id: str) -> WorkflowState:
        """The state of a workflow."""
        return await self.process.engine.load(workflow_id)

    async def statuses(self, workflow_id: str) -> dict[str, str]:
        """Step → its status, of the steps it has come to."""
        state = await self.state(workflow_id)
        return {step_id: step.status for step_id, step in state.steps.items()}

    def events(self, workflow_id: str) -> list[Event]:
        """Its stored events."""
        return self._disk.events[workflow_id]

    def told(self, workflow_id: str) -> list[str]:
        """Its stored events as texts: the name, and the step."""
        return [
            event.event_type + (f" {event.step_id}" if event.step_id else "")
            for event in self.events(workflow_id)
        ]

    def children(self, workflow_id: str) -> list[str]:
        """The workflows its steps started."""
        return [
            state.workflow_id
            for state in self._disk.folded()
            if state.parent is not None and state.parent[0] == workflow_id
        ]

    async def crash(self) -> None:
        """Kill the process and start another one."""
        await self.process.crash()
        self.process = self._open()
        await self.process.engine.recover()


def virtually(test: Callable[..., Awaitable[None]], **settings: Any) -> Callable[..., None]:
    """Let an `async def` test that takes a `Room` run in virtual time; nothing in it may block."""
    signature = inspect.signature(test)
    others = [one for name, one in signature.parameters.items() if name != "room"]

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        outside = Outside()
        registry = simulated(outside)

        async def main() -> None:
            room = Room(registry, outside, Settings(**settings))
            with blockbuster_ctx("opcode_core") as room.guard:
                await test(*args, room=room, **kwargs)
                await room.process.close()

        run_virtually(main)

    run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
    return run


def with_settings(
    **settings: Any,
) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., None]]:
    """The same, with other settings."""
    return functools.partial(virtually, **settings)


def now(step_id: str, value: Any = None, *after: str, **more: Any) -> Step:
    """A step whose action is over at once."""
    return _action("sim.now", step_id, {"value": value}, after, more)


def work(step_id: str, value: Any = None, *after: str, **more: Any) -> Step:
    """A step whose action takes time: `seconds`, `failures`, `final`, `effect` are its parameters."""
    return _action("sim.work", step_id, {"value": value}, after, more)


def _action(name: str, step_id: str, params: Step, after: tuple[str, ...], more: Step) -> Step:
    for each in ("seconds", "failures", "final", "effect"):
        if each in more:
            params[each] = more.pop(each)
    made = {"id": step_id, "action": name, "params": params, **more}
    return {**made, "depends_on": list(after)} if after else made


def container(kind: str, step_id: str, config: Step, **more: Any) -> Step:
    """A step of another type."""
    return {"id": step_id, "type": kind, "config": config, **more}


def ask(step_id: str, *after: str, **config: Any) -> Step:
    """A step that asks for a decision."""
    more = {"depends_on": list(after)} if after else {}
    return container("reasoning", step_id, {"prompt_context": "now what?", **config}, **more)


def parallel(*branches: list[Step], mode: str = "all", step_id: str = "p", **more: Any) -> Step:
    return container("parallel", step_id, {"branches": list(branches), "mode": mode}, **more)


def loop(*body: Step, step_id: str = "l", **config: Any) -> Step:
    more = config.pop("more", {})
    return container("loop", step_id, {"mode": "for_each", **config, "body": list(body)}, **more)


def child(step_id: str, template: str, **more: Any) -> Step:
    """A step that runs another template."""
    params = {"template_name": template, "params": more.pop("params", {})}
    return {"id": step_id, "action": "workflow.run", "params": params, **more}


def fallback(to: str) -> Step:
    """`on_error` that names a fallback step."""
    return {"on_error": {"strategy": "fallback_step", "fallback_step": to}}


def strategy(name: str) -> Step:
    """`on_error` with a strategy."""
    return {"on_error": {"strategy": name}}


class _Alarm:
    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when = when
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Let it not be called."""
        self.call = None


class SetClock:
    """A clock that is as late as the test says (`Clock`)."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._alarms: list[_Alarm] = []

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now

    def wall(self) -> float:
        """The same: nobody sets it."""
        return self.now()

    def alarm(self, when: float, call: Callable[[], None]) -> _Alarm:
        """Call when it is that late; soon when it was."""
        alarm = _Alarm(when, call)
        self._alarms.append(alarm)
        asyncio.get_running_loop().call_soon(self._ring)
        return alarm

    def advance(self, seconds: float) -> None:
        """Let it be later."""
        self._now += seconds
        asyncio.get_running_loop().call_soon(self._ring)

    def _ring(self) -> None:
        due = [one for one in self._alarms if one.when <= self._now]
        self._alarms = [one for one in self._alarms if one.when > self._now and one.call]
        for one in due:
            if one.call is not None:
                one.call()


@asynccontextmanager
async def on_disk(
    path: Path, registry: Registry, clock: SetClock, **settings: Any
) -> AsyncIterator[Service]:
    """The product on SQLite, with a clock that the test sets."""
    made = Settings(db_path=path / "x.db", durability="normal", **settings)
    async with open_service(made, registry=registry, clock=clock) as service:
        yield service


async def until(
    service: Service, workflow_id: str, *statuses: str, seconds: float = 10.0
) -> dict[str, Any]:
    """Wait until a workflow has one of these statuses, and give what `status` says."""
    async with asyncio.timeout(seconds):
        while True:
            answer = await service.status(StatusRequest(workflow_id, include=("events",)))
            if answer["status"] in statuses:
                return answer
            await asyncio.sleep(0.002)


async def defined(service: Service, *steps: Step, name: str = "t", **more: Any) -> None:
    """Define a template on SQLite."""
    await service.define(DefineRequest(name, {"steps": list(steps), **more}, "me"))


async def side_by_side(*works: Coroutine[Any, Any, T]) -> list[T | BaseException]:
    """Do several things at once; give what each gave or raised."""
    return await asyncio.gather(*works, return_exceptions=True)


async def refused(
    room: Room, run: str, kind: str, step_id: str | None = None, **payload: Any
) -> OpcodeError:
    """Send a signal that must be refused and leave nothing behind."""
    before = room.told(run)
    with pytest.raises(OpcodeError) as caught:
        await room.signal(run, kind, step_id, **payload)
    await asyncio.sleep(1)
    assert room.told(run) == before
    return caught.value
