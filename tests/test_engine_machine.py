"""The real service in virtual time against a small model of what a workflow does: any rules in any order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from engine_room import Room, ask, child, container, fallback, now, work
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from opcode_core.errors import ConflictError
from opcode_core.model.state import FINISHED
from simulated_actions import Outside, simulated
from virtual_time import VirtualLoop

T = TypeVar("T")
OUTSIDE = Outside()
REGISTRY = simulated(OUTSIDE)
DUE = 3300.0
"""Seconds after which questions and waits are over: never near a sum of what the clock is advanced by."""
KINDS = ("asks", "waits", "sleeps", "fails", "falls_back")


@dataclass
class Expected:
    """What the model knows of a workflow.

    Attributes:
        kind: Which template it is of.
        status: What its status must be.
        due: When it goes on by itself; None for never.
        parent: Who started it.
    """

    kind: str
    status: str
    due: float | None = None
    parent: str | None = None


class Machine(RuleBasedStateMachine):
    """Rules: run, signal in all ways, let time pass, close or kill the process."""

    workflows: Bundle[str] = Bundle("workflows")

    @initialize()
    def begin(self) -> None:
        OUTSIDE.begin_anew()
        self.model: dict[str, Expected] = {}
        self.loop = VirtualLoop(Random(1))
        self.room = self.do(self._room())

    async def _room(self) -> Room:
        room = Room(REGISTRY, OUTSIDE)
        question = {"timeout": "55m", "fallback": "no"}
        room.define(ask("q", **question), work("after", 1, "q"), name="asks")
        signal = container("wait", "q", {"signal": "go"})
        branches = container("parallel", "p", {"branches": [[signal, now("x", 1)]]})
        room.define(branches, name="waits")
        room.define(
            container("wait", "q", {"duration": "55m"}), now("after", 1, "q"), name="sleeps"
        )
        room.define(now("q", failures=9), now("after", 1, "q"), name="fails")
        room.define(now("x", failures=9, **fallback("q")), ask("q"), name="falls_back")
        room.define(child("c", "asks"), now("after", 1, "c"), name="parents")
        return room

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        async def then_settle() -> T:
            result = await work
            await asyncio.sleep(0.5)
            return result

        asyncio.set_event_loop(None)
        return self.loop.run_until_complete(then_settle())

    def accepted(self, workflow_id: str, kind: str, step_id: str | None, **payload: Any) -> bool:
        try:
            self.do(self.room.signal(workflow_id, kind, step_id, **payload))
        except ConflictError:
            return False
        return True

    def ends(self, workflow_id: str, status: str) -> None:
        """A workflow ends, and those go on that wait for it."""
        one = self.model[workflow_id]
        one.status, one.due = status, None
        for other_id, other in self.model.items():
            if other.parent == workflow_id and other.status not in FINISHED:
                self.ends(other_id, "cancelled")
        if one.parent is not None and self.model[one.parent].status not in FINISHED:
            self.model[one.parent].status = "completed" if status == "completed" else "failed"

    @rule(target=workflows, kind=st.sampled_from(KINDS))
    def run(self, kind: str) -> str:
        workflow_id = self.do(self.room.run(kind, wait=0))
        status = {"sleeps": "active", "fails": "failed"}.get(kind, "suspended")
        due = self.loop.time() + DUE if kind in ("asks", "sleeps") else None
        self.model[workflow_id] = Expected(kind, status, due)
        return workflow_id

    @rule(target=workflows)
    def run_parent(self) -> Any:
        workflow_id = self.do(self.room.run("parents", wait=0))
        (small,) = self.room.children(workflow_id)
        self.model[workflow_id] = Expected("parents", "suspended")
        self.model[small] = Expected("asks", "suspended", self.loop.time() + DUE, workflow_id)
        return multiple(workflow_id, small)

    @rule(one=workflows, choice=st.sampled_from(["yes", "no"]))
    def decide(self, one: str, choice: str) -> None:
        expected = self.model[one]
        pending = expected.kind in ("asks", "falls_back") and expected.status == "suspended"
        assert self.accepted(one, "decision", None, choice=choice) == pending
        if pending:
            self.ends(one, "completed")

    @rule(one=workflows, named=st.booleans())
    def data(self, one: str, named: bool) -> None:
        expected = self.model[one]
        payload = {"signal": "go"} if named else {"x": 1}
        assert self.accepted(one, "data", None, **payload) == (expected.status not in FINISHED)
        if expected.kind == "waits" and expected.status == "suspended":
            self.ends(one, "completed")

    @rule(one=workflows)
    def cancel(self, one: str) -> None:
        expected = self.model[one]
        assert self.accepted(one, "cancel", None) == (expected.status not in FINISHED)
        if expected.status not in FINISHED:
            self.ends(one, "cancelled")

    @rule(one=workflows)
    def retry(self, one: str) -> None:
        expected = self.model[one]
        if expected.kind == "parents":
            return
        step_id = "p.branch_0.q" if expected.kind == "waits" else "q"
        failed = expected.kind == "fails" and expected.status == "failed"
        params = {"params": {"failures": 0}} if failed else {}
        assert self.accepted(one, "retry", step_id, **params) == failed
        if failed:
            self.ends(one, "completed")

    @rule(one=workflows)
    def skip(self, one: str) -> None:
        expected = self.model[one]
        step_id = {"waits": "p.branch_0.q", "parents": "c"}.get(expected.kind, "q")
        can = expected.status in ("suspended", "failed")
        assert self.accepted(one, "skip", step_id) == can
        if can:
            self.ends(one, "completed")

    @rule(seconds=st.sampled_from([60.0, 600.0, 1800.0, 7200.0]))
    def advance(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))
        self.pass_deadlines()

    def pass_deadlines(self) -> None:
        for workflow_id, expected in self.model.items():
            if expected.due is not None and expected.due <= self.loop.time():
                self.ends(workflow_id, "completed")

    @rule()
    def crash(self) -> None:
        self.do(self.room.crash())

    @rule(seconds=st.sampled_from([0.0, 600.0, 7200.0]))
    def be_away(self, seconds: float) -> None:
        async def away() -> None:
            await self.room.process.close()
            await asyncio.sleep(seconds)
            await self.room.crash()

        self.do(away())
        self.pass_deadlines()

    @rule(one=consumes(workflows))
    def forget(self, one: str) -> None:
        """Look at it no more; others still may be looked at."""

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        for workflow_id, expected in getattr(self, "model", {}).items():
            state = self.do(self.room.state(workflow_id))
            assert state.status == expected.status, (expected, self.room.told(workflow_id))
            sequences = [event.sequence for event in self.room.events(workflow_id)]
            assert sequences == list(range(1, len(sequences) + 1))
            if state.status in FINISHED:
                assert not list(state.pending_decisions())
            if state.status != "active":
                assert self.room.process.engine.find(workflow_id) is None

    def teardown(self) -> None:
        if not hasattr(self, "room"):
            return
        self.do(self.room.process.close())
        assert asyncio.all_tasks(self.loop) == set()
        self.loop.close()
        assert self.loop.troubles == []


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=200 * int(os.environ.get("OPCODE_SIMULATE", "1")),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
