"""One simulated life of a few workflows: random definitions, random order, random signals, a crash perhaps."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from memory_store import Disk
from opcode_core.errors import OpcodeError
from opcode_core.model.requests import RunRequest, SignalRequest
from opcode_core.model.state import FINISHED, WorkflowState
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings
from simulated_actions import Outside
from simulated_invariants import Watcher, facts_of
from simulated_process import Compiled, Process
from simulated_workflows import CHILDREN, Facts, Maker
from virtual_time import run_virtually

ROUNDS = 40
_PAUSES = (0.0, 0.0005, 0.002, 0.02, 0.3, 5.0, 200.0, 20_000.0)


@dataclass
class Story:
    """Definitions that belong together.

    Attributes:
        compiled: They, checked.
        facts: Template → what is known of it.
    """

    compiled: Compiled
    facts: dict[str, Facts]


def make_story(seed: int, registry: Registry, *, repeatable: bool = False) -> Story:
    """Random definitions: two children, and one that may run them."""
    random = Random(f"story {seed}")
    story = Story(Compiled(registry), {})
    for name in (*CHILDREN, "main"):
        small = name != "main"
        maker = Maker(
            random,
            repeatable=repeatable,
            size=4 if small else random.choice((4, 8, 14)),
            children=not small,
        )
        story.compiled.add(name, maker.definition())
        story.facts[name] = maker.facts
    return story


class Simulation:
    """One life.

    Args:
        story: What runs.
        seed: Decides everything.
        outside: What its actions change.
        signals: Whether there are random ones.
        crashes: How often the process is killed.
    """

    def __init__(
        self, story: Story, seed: int, outside: Outside, *, signals: bool, crashes: int = 0
    ) -> None:
        self._story = story
        self._random = Random(f"life {seed}")
        self._outside = outside
        self._signals = signals
        self._crashes = crashes
        self._settings = Settings(
            pool_size=self._random.choice((1, 2, 10)),
            breaker_failures=self._random.choice((0, 2, 5)) if signals else 0,
        )
        self.disk = Disk()
        self.accepted: Counter[str] = Counter()
        outside.begin_anew()
        self.watcher = Watcher(story.facts, outside)
        self.failed: AssertionError | None = None
        self._kill: asyncio.Event | None = None
        self._countdown = 0
        self._process: Process | None = None
        self.main = ""

    @property
    def process(self) -> Process:
        """The one that runs now."""
        assert self._process is not None
        return self._process

    def run(self) -> None:
        """Live it, and check everything."""
        self._outside.allowed = self._may_run
        run_virtually(self._live, self._random.randrange(1 << 30))

    def _may_run(self, workflow_id: str, step_id: str) -> None:
        try:
            self.watcher.may_run(workflow_id, step_id)
        except AssertionError as error:
            self.failed = self.failed or error

    async def _live(self) -> None:
        await self._begin()
        await self._until_killed(self._start())
        for life in range(self._crashes + 1):
            if life < self._crashes:
                self._countdown = self._random.choice((1, 2, 3, 5, 8, 13, 21, 34))
            work = self._disturb() if self._signals else self._help()
            killed = await self._until_killed(work)
            if life < self._crashes and not killed:
                await self._crash()
        await self._settle()
        await self.process.close()
        self._look_at_end()

    async def _begin(self) -> None:
        self._kill = asyncio.Event()
        self._countdown = 0
        self._outside.gone = False
        self._process = Process(self.disk, self._story.compiled, self._random, self._settings)
        self.process.store.disk.templates.update(self._story.compiled.templates)
        self.process.store.journal.watch = self._watch
        await self.process.engine.recover()

    def _watch(self, event: Any, state: WorkflowState) -> None:
        if self.failed is None:
            try:
                self.watcher.see(event, state)
            except AssertionError as error:
                self.failed = error  # what is raised here the engine takes for its own fault
        if self._countdown:
            self._countdown -= 1
            if not self._countdown and self._kill is not None:
                self.process.store.journal.gone = True
                self._outside.gone = True
                self._kill.set()

    async def _until_killed(self, work: Any) -> bool:
        assert self._kill is not None
        doing = asyncio.ensure_future(work)
        killed = asyncio.ensure_future(self._kill.wait())
        await asyncio.wait((doing, killed), return_when=asyncio.FIRST_COMPLETED)
        if not self._kill.is_set():
            killed.cancel()
            await doing
            return False
        doing.cancel()
        await self._crash()
        return True

    async def _crash(self) -> None:
        self._outside.gone = True
        await self.process.crash()
        self._outside.running.clear()
        self.watcher.begin_anew(self.disk.folded())
        await self._begin()

    async def _start(self) -> None:
        self.main = (await self.process.service.run(RunRequest("main", "me", wait_ms=0)))[
            "workflow_id"
        ]

    async def _disturb(self) -> None:
        """Send signals that may or may not make sense, at any time."""
        for _ in range(self._random.choice((0, 1, 3, 8))):
            await asyncio.sleep(self._random.choice(_PAUSES))
            self._look()
            workflow_id = self._random.choice([*self.process.store.journal.states, self.main])
            sends = [self._send(workflow_id) for _ in range(self._random.choice((1, 1, 2)))]
            await asyncio.gather(*sends)

    async def _send(self, workflow_id: str) -> None:
        random = self._random
        state = self.process.store.journal.states.get(workflow_id)
        steps = [*(state.steps if state is not None else ()), "s1", "nowhere"]
        kind = random.choice(("decision", "decision", "data", "data", "retry", "skip", "cancel"))
        payload: dict[str, Any] = {}
        if kind == "decision":
            payload = {"choice": random.choice(("yes", "no", "perhaps"))}
        elif kind == "data" and random.random() < 0.7:
            payload = {"signal": random.choice(("go", "stop"))}
        elif kind == "retry" and random.random() < 0.3:
            payload = {"params": {"failures": 0}}
        step_id = None if kind == "cancel" else random.choice([*steps, None])
        await self.signal(workflow_id, kind, payload, step_id)

    async def signal(
        self, workflow_id: str, kind: str, payload: dict[str, Any], step_id: str | None = None
    ) -> None:
        """Send a signal, and note whether it was accepted."""
        wait = self._random.choice((0, 0, 10, 1000))
        request = SignalRequest(workflow_id, kind, payload, step_id, "driver", wait_ms=wait)
        try:
            await self.process.service.signal(request)
        except OpcodeError:
            return
        self.accepted[workflow_id] += 1

    async def _settle(self) -> None:
        """Let everything come to an end: by help first, then by cancelling."""
        await self._help()
        for state in self.disk.folded():
            if state.status not in FINISHED:
                await self.signal(state.workflow_id, "cancel", {})
        await asyncio.sleep(100_000.0)

    async def _help(self) -> None:
        """Do for every workflow what it waits for."""
        for _ in range(ROUNDS if self._signals else 10 * ROUNDS):
            await asyncio.sleep(self._random.choice(_PAUSES))
            self._look()
            states = [one for one in self.disk.folded() if one.status not in FINISHED]
            if not states:
                return
            for state in states:
                await self._help_one(state)

    async def _help_one(self, state: WorkflowState) -> None:
        send = partial(self.signal, state.workflow_id)
        for decision in state.pending_decisions():
            await send("decision", {"choice": "yes"}, decision.step_id)
        for step_id, step in list(state.steps.items()):
            if step.status != "suspended":
                continue
            if step.waits_for == "signal":
                await send("data", {}, step_id)
            elif step.waits_for == "interrupted":
                await send("retry", {}, step_id)
        if state.status == "suspended" and state.timed_out:
            await send("retry", {})

    def _look(self) -> None:
        """What must hold at any time."""
        if self.failed is not None:
            raise self.failed
        engine = self.process.engine
        for state in self.disk.folded():
            if engine.find(state.workflow_id) is not None:
                continue
            alarmed = state.workflow_id in engine._alarms._times
            busy = bool(engine._tasks) or state.workflow_id in engine.locks._locks
            if state.status == "active":
                assert alarmed or busy, f"{state.workflow_id} is active, and nobody runs it"
            assert busy or not self.disk.is_orphan(state), f"{state.workflow_id} was left behind"
            if _is_woken(state):
                assert alarmed or busy, f"nobody wakes {state.workflow_id}"

    def _look_at_end(self) -> None:
        if self.failed is not None:
            raise self.failed
        engine, journal = self.process.engine, self.process.store.journal
        assert engine._live == {}
        assert engine._tasks == set()
        assert engine._resting == set()
        assert engine._callers._waiting == {}
        assert engine.locks._locks == {}
        assert len(engine._alarms) == 0
        assert engine._resources.slots._value == self._settings.pool_size
        assert not any(one.probing for one in engine._resources.circuits._circuits.values())
        assert not +self._outside.running
        for state in self.disk.folded():
            events = self.disk.events[state.workflow_id]
            assert [event.sequence for event in events] == list(range(1, len(events) + 1))
            assert facts_of(state) == facts_of(self.watcher.shadows[state.workflow_id])
            live = journal.states.get(state.workflow_id)
            if live is not None:
                assert facts_of(state) == facts_of(live)
            assert state.status in FINISHED, f"{state.workflow_id} is {state.status}"
            if not self._crashes:
                assert self.watcher.received[state.workflow_id] == self.accepted[state.workflow_id]
        self.watcher.look_at_effects()

    def outcome(self) -> tuple[str, Any]:
        """What came of the main workflow, without what depends on time."""
        state = self.disk.fold(self.main)
        return state.status, _timeless(state.output)


def _is_woken(state: WorkflowState) -> bool:
    """Whether a suspended workflow goes on when a deadline passes."""
    if state.status != "suspended" or state.timed_out:
        return False
    hooked = any(hook in state.steps for hook in state.hooks)  # then the rest waits for nothing
    return not hooked and state.wakes_at() is not None


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("ignored") is True:
            return {"ignored": True}
        return {name: _timeless(one) for name, one in value.items() if name != "waited"}
    return [_timeless(one) for one in value] if isinstance(value, list) else value
