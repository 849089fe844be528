"""What the engine leaves in SQLite is what it goes by at the next start, on a clock that the test sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_room import (
    HOUR,
    SetClock,
    Step,
    ask,
    child,
    container,
    defined,
    fallback,
    now,
    on_disk,
    parallel,
    side_by_side,
    until,
)
from opcode_core.engine.family import Family
from opcode_core.errors import ConflictError
from opcode_core.model.requests import QueryRequest, RunRequest, SignalRequest
from opcode_core.plugins.registry import Registry
from opcode_core.service import Service
from simulated_actions import Outside, simulated

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return simulated(Outside())


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


async def run(service: Service, name: str = "t") -> str:
    return str((await service.run(RunRequest(name, "me", wait_ms=10_000)))["workflow_id"])


DEADLINES: dict[str, tuple[Step, str]] = {
    "a container": (parallel([ask("q")], timeout="1h", **fallback("s")), "completed"),
    "a question": (ask("p", timeout="1h", fallback="no"), "completed"),
    "a question without a fallback": (ask("p", timeout="1h"), "failed"),
    "a signal": (container("wait", "p", {"signal": "go", "timeout": "1h"}), "failed"),
    "a question inside": (parallel([ask("q", timeout="1h", fallback="no")]), "completed"),
}


@pytest.mark.parametrize("away", ["not", "before", "over"])
@pytest.mark.parametrize("what", DEADLINES)
async def test_a_deadline_passes_once_whether_or_not_a_server_runs(
    what: str, away: str, tmp_path: Path, registry: Registry, clock: SetClock
) -> None:
    step, expected = DEADLINES[what]
    spare = [now("s", 1)] if "on_error" in step else []
    async with on_disk(tmp_path, registry, clock) as service:
        await defined(service, step, *spare)
        begun = await run(service)
        assert (await until(service, begun, "suspended"))["status"] == "suspended"
        if away == "not":
            clock.advance(HOUR + 1)
            await until(service, begun, expected)
            return
    clock.advance(0.5 * HOUR if away == "before" else HOUR + 1)
    async with on_disk(tmp_path, registry, clock) as service:
        if away == "before":
            assert (await until(service, begun, "suspended"))["status"] == "suspended"
            clock.advance(0.5 * HOUR + 1)
        await until(service, begun, expected)


async def test_a_parent_and_its_child_go_on_together(
    tmp_path: Path, registry: Registry, clock: SetClock
) -> None:
    async with on_disk(tmp_path, registry, clock) as service:
        await defined(
            service,
            ask("q"),
            container("wait", "w", {"duration": "1h"}, depends_on=["q"]),
            name="small",
        )
        await defined(service, child("c", "small"), now("after", "${{steps.c.output.waited}}", "c"))
        begun = await run(service)
        suspended = await until(service, begun, "suspended")
        small = next(
            event["payload"]["child"]
            for event in suspended["events"]
            if "child" in event.get("payload", {})
        )
    async with on_disk(tmp_path, registry, clock) as service:
        await service.signal(
            SignalRequest(small, "decision", {"choice": "yes"}, None, "you", wait_ms=0)
        )
    clock.advance(2 * HOUR)
    async with on_disk(tmp_path, registry, clock) as service:
        answer = await until(service, begun, "completed")
    assert answer["output"] == 2 * HOUR * 1000


async def test_eight_answers_at_once_are_one(
    tmp_path: Path, registry: Registry, clock: SetClock
) -> None:
    async with on_disk(tmp_path, registry, clock) as service:
        await defined(service, ask("q"))
        begun = await run(service)
        requests = [
            SignalRequest(begun, "decision", {"choice": f"c{number}"}, "q", f"agent {number}")
            for number in range(8)
        ]
        answers = await side_by_side(*(service.signal(one) for one in requests))
        refusals = [one for one in answers if isinstance(one, ConflictError)]
        assert len(refusals) == 7
        answer = await until(service, begun, "completed")
    winner = answer["output"]["resolved_by"]
    assert all(winner in one.message for one in refusals)
    kinds = [event["event_type"] for event in answer["events"]]
    assert kinds.count("decision_resolved") == kinds.count("workflow_resumed") == 1


async def test_a_child_that_a_crash_left_behind_is_cancelled_at_the_start(
    tmp_path: Path, registry: Registry, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_disk(tmp_path, registry, clock) as service:
        await defined(service, ask("q"), name="small")
        await defined(service, child("c", "small"))
        begun = await run(service)
        small = (await service.query(QueryRequest("decisions")))["decisions"][0]["workflow_id"]
        monkeypatch.setattr(Family, "cancel", lambda self, workflow_id: None)  # it had no time
        await service.signal(SignalRequest(begun, "cancel", {}, None, "you"))
        assert (await until(service, small, "suspended"))["pending_decisions"]
    monkeypatch.undo()
    async with on_disk(tmp_path, registry, clock) as service:
        await until(service, small, "cancelled")
