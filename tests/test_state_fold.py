"""State is nothing but its events: at every one of them, after an interruption, and never over a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opcode_core import Effect, ExecutionError, Params, action
from opcode_core.errors import ConflictError
from opcode_core.model.answers import workflow_answer
from opcode_core.model.events import Event
from opcode_core.model.requests import DefineRequest, RunRequest, SignalRequest, StatusRequest
from opcode_core.model.state import WorkflowState
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution, Registry
from opcode_core.service import Service
from opcode_core.settings import Settings
from opcode_core.store.sqlite import views
from opcode_core.store.sqlite.journal import SqliteJournal
from opcode_core.store.sqlite.store import SqliteStore

pytestmark = pytest.mark.anyio
SECONDS = 10.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Value(Params):
    value: Any = None


@action("fold.give", effect=Effect.PURE)
def give(params: Value) -> Any:
    """Give it back."""
    return params.value


@action("fold.slow", effect=Effect.UNSAFE)
async def slow(params: Value) -> Any:
    """Give it back, not in place."""
    return params.value


@action("fold.fail", effect=Effect.PURE)
def fail(params: Value) -> Any:
    """Fail."""
    raise ExecutionError("it went wrong", {"value": params.value})


@pytest.fixture
def waiting() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
def registry(waiting: asyncio.Event) -> Registry:
    @action("fold.wait", effect=Effect.PURE)
    async def wait() -> Any:
        """Wait for good."""
        waiting.set()
        await asyncio.Event().wait()

    made = load_plugins(Settings(plugins_allow=("steps", "cel", "workflow")))
    made.take(Contribution("fold", [give, slow, fail, wait]))
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(db_path=tmp_path / "x.db", durability="normal")


@pytest.fixture
async def service(settings: Settings, registry: Registry) -> AsyncIterator[Service]:
    async with open_service(settings, registry=registry) as opened:
        yield opened


def store_of(service: Service) -> SqliteStore:
    assert isinstance(service._store, SqliteStore)
    return service._store


def facts(state: WorkflowState) -> dict[str, Any]:
    """Everything a state holds, but how it was asked for."""
    steps = {
        step_id: {name: getattr(step, name) for name in step.__slots__ if name != "_view"}
        for step_id, step in state.steps.items()
    }
    return {**vars(state), "steps": steps, "views": {n: s.view for n, s in state.steps.items()}}


def step(step_id: str, name: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"id": step_id, "action": f"fold.{name}", "params": {"value": value}, **more}


RETRIED = {"retry": {"max": 1, "backoff": "none"}}
STORIES: dict[str, list[dict[str, Any]]] = {
    "plain": [step("a", "give", {"n": 1}), step("b", "slow", "é\u2028", depends_on=["a"])],
    "skipped": [step("a", "give", condition="false"), step("b", "slow", depends_on=["a"])],
    "failed": [step("a", "fail", {"x": [1]}, **RETRIED), step("b", "slow", depends_on=["a"])],
    "ignored": [
        step("a", "fail", on_error={"strategy": "ignore"}),
        step("b", "give", "${{steps.a.output}}", depends_on=["a"]),
    ],
    "fallback": [
        step("a", "fail", on_error={"strategy": "fallback_step", "fallback_step": "s"}, **RETRIED),
        step("s", "slow", {"status": "mine", "output": 1}),
        step("b", "give", "${{steps.a.output}}", depends_on=["a"]),
    ],
    "cancelled beside": [
        step("a", "fail", on_error={"strategy": "fail_workflow"}),
        {"id": "w", "action": "fold.wait"},
    ],
    "ended": [{"id": "a", "action": "workflow.fail", "params": {"reason": "enough"}}],
    "emitted": [
        {"id": "a", "action": "workflow.emit", "params": {"event_type": "mine", "payload": 1}},
    ],
}


@pytest.mark.parametrize("story", STORIES)
async def test_live_state_is_the_fold_of_the_log_at_every_event(
    service: Service, monkeypatch: pytest.MonkeyPatch, story: str
) -> None:
    lived: list[dict[str, Any]] = []
    append = SqliteJournal.append

    def watched(
        self: SqliteJournal, event: Event, payload: bytes | None, state: WorkflowState
    ) -> None:
        lived.append(facts(state))
        append(self, event, payload, state)

    monkeypatch.setattr(SqliteJournal, "append", watched)
    definition = {"steps": STORIES[story], "context": {"c": 1}}
    await service.define(DefineRequest("t", definition, "me"))
    answer = await service.run(RunRequest("t", "me", params={"i": 1}, idempotency_key="k"))
    store = store_of(service)
    rows = await store._database.read(
        f"SELECT {views.EVENT_COLUMNS} FROM events ORDER BY workflow_id, sequence"
    )
    assert [row[1] for row in rows] == list(range(1, len(lived) + 1))
    folded = WorkflowState(answer["workflow_id"])
    for row, expected in zip(rows, lived, strict=True):
        folded.apply(views.read_event(row))
        assert facts(folded) == expected
    assert answer == workflow_answer(folded, answer["steps"])
    before = await store._database.read("SELECT * FROM workflows")
    assert await store._database.transaction(views.rebuild) == 1
    assert await store._database.read("SELECT * FROM workflows") == before


async def test_an_interrupted_run_stands_where_its_events_left_it_and_can_be_cancelled_once(
    settings: Settings, registry: Registry, waiting: asyncio.Event
) -> None:
    wait = {"id": "w", "action": "fold.wait", "depends_on": ["a"]}
    async with open_service(settings, registry=registry) as service:
        definition = {"steps": [step("a", "slow", 1), wait, step("z", "give", depends_on=["w"])]}
        await service.define(DefineRequest("t", definition, "me"))
        begun = await service.run(RunRequest("t", "me", wait_ms=0))
        async with asyncio.timeout(SECONDS):
            await waiting.wait()
        await service._engine.close(grace=0)
    async with open_service(settings, registry=registry) as service:
        status = StatusRequest(begun["workflow_id"])
        left = await service.status(status)
        assert left["status"] == "active"
        assert [left["steps"][one]["status"] for one in "awz"] == [
            "completed",
            "running",
            "pending",
        ]
        cancel = SignalRequest(begun["workflow_id"], "cancel", {}, agent_id="you")
        await service.signal(cancel)
        with pytest.raises(ConflictError):
            await service.signal(cancel)
        ended = await service.status(status)
        assert ended["status"] == "cancelled"
        assert [ended["steps"][one]["status"] for one in "awz"] == [
            "completed",
            "skipped",
            "skipped",
        ]
        store = store_of(service)
        before = await store._database.read("SELECT * FROM workflows")
        await store._database.transaction(views.rebuild)
        assert await store._database.read("SELECT * FROM workflows") == before
        assert await store.list_unfinished() == []


@pytest.mark.parametrize("sequences", [[2], [0], [1, 1], [1, 3], [1, 2, 1]])
def test_an_event_that_does_not_follow_is_refused_and_changes_nothing(sequences: list[int]) -> None:
    state = WorkflowState("w")
    for sequence in sequences[:-1]:
        state.apply(Event("w", sequence, "step_started", "a", None, None, 1, 0))
    before = facts(state)
    with pytest.raises(ValueError, match="does not follow"):
        state.apply(Event("w", sequences[-1], "step_failed", "a", {"error": {}}, None, 2, 2))
    assert facts(state) == before
