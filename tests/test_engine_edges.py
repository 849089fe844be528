"""Moments that meet: an answer and its deadline, a winner and a loser that clings, a template whose plugin is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest
from engine_room import (
    HOUR,
    Room,
    SetClock,
    ask,
    child,
    container,
    defined,
    loop,
    now,
    on_disk,
    parallel,
    until,
    virtually,
    work,
)
from opcode_core import Effect, action
from opcode_core.errors import ActionUnavailableError, ConflictError, OpcodeError
from opcode_core.model.requests import RunRequest, SignalRequest, StatusRequest
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution
from opcode_core.settings import Settings
from simulated_actions import Outside, simulated

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@virtually
async def test_a_thousand_answers_at_the_instant_of_the_deadline_have_one_winner_each(
    room: Room,
) -> None:
    room.define(ask("q", timeout="10s", fallback="no"))
    random = Random(0)
    ends: dict[str, int] = {"you": 0, "system": 0}
    for _ in range(1000):
        run = await room.run(wait=0)
        late = random.choice((0.0, 0.0, 1e-6, -1e-6, 0.0005, -0.0005, 0.001))
        due = (await room.state(run)).created_at / 1e6 + 10 + late
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        try:
            accepted = (await room.signal(run, "decision", choice="yes"))["ok"]
        except ConflictError:
            accepted = False
        await asyncio.sleep(1)
        output = (await room.state(run)).output
        assert output["resolved_by"] == ("you" if accepted else "system")
        assert room.told(run).count("decision_resolved q") == 1
        ends[output["resolved_by"]] += 1
    assert min(ends.values()) > 100


@virtually
async def test_a_loser_that_clings_is_waited_for_and_what_it_gives_is_nothing(room: Room) -> None:
    ended = []

    @action("edge.cling", effect=Effect.UNSAFE)
    async def cling() -> Any:
        """Take no notice of being cancelled."""
        try:
            await asyncio.sleep(HOUR)
        except asyncio.CancelledError:
            await asyncio.sleep(5)
        ended.append(asyncio.get_running_loop().time())
        return "late"

    room.registry.take(Contribution("edge", [cling]))
    loser = {"id": "x", "action": "edge.cling"}
    room.define(parallel([work("w", 1, seconds=1)], [loser, now("never")], mode="race"))
    run = await room.run()
    await asyncio.sleep(10)
    state = await room.state(run)
    assert state.output == {"mode": "race", "winner": 0, "output": 1}
    assert state.steps["p.branch_1.x"].status == "skipped"
    assert (state.completed_at or 0) / 1e6 >= ended[0]
    assert "p.branch_1.never" not in state.steps


@pytest.mark.parametrize("how", ["fail_workflow", "cancel", "timeout"])
@virtually
async def test_what_is_cancelled_before_it_has_begun_is_not_waited_for(
    how: str, room: Room
) -> None:
    """Tasks of a group whose first one ends all others at once have not begun yet."""
    body = [[now("x", failures=9, on_error={"strategy": "fail_workflow"})], [work("y", seconds=9)]]
    more: dict[str, Any] = {"timeout": "1ms"} if how == "timeout" else {}
    if how != "fail_workflow":
        body = [[ask("q")], [work("y", seconds=9)]]
    room.define(loop(parallel(*body), over=[1, 2, 3], concurrency=3), **more)
    run = await room.run(wait=0)
    if how == "cancel":
        await room.signal(run, "cancel")
    await asyncio.sleep(1)
    status = (await room.state(run)).status
    assert status == ("cancelled" if how == "cancel" else "failed")
    assert room.process.engine.running == []
    assert not +room.outside.running


@virtually
async def test_a_parent_adds_to_the_context_of_a_child_that_runs(room: Room) -> None:
    room.define(ask("q"), now("a", "${{context.x}}", "q"), name="small", context={"x": 0})
    update = {
        "id": "u",
        "action": "workflow.context",
        "params": {"action": "update", "data": {"x": 7}, "workflow_id": "${{steps.w.payload.id}}"},
        "depends_on": ["w"],
    }
    room.define(
        child("c", "small"), container("wait", "w", {"signal": "id"}), update, schedule="dataflow"
    )
    run = await room.run()
    (small,) = room.children(run)
    await room.signal(run, "data", signal="id", id=small)
    await asyncio.sleep(1)
    assert (await room.state(small)).context == {"x": 7}
    assert await room.decide(small) == "completed"
    await asyncio.sleep(1)
    assert (await room.state(run)).steps["c"].output == 7
    late = await room.run(wait=0)
    await room.signal(late, "data", signal="id", id=small)
    await asyncio.sleep(1)
    error = (await room.state(late)).steps["u"].error
    assert error is not None
    assert error["code"] == "PERMISSION_DENIED"  # a child of another one


@virtually
async def test_a_caller_that_goes_away_stops_nothing_and_one_that_waits_is_told(room: Room) -> None:
    room.define(work("a", seconds=5), ask("q", "a"))
    first = asyncio.ensure_future(room.run())
    await asyncio.sleep(1)
    first.cancel()
    run = next(iter(room.process.engine.running))
    waited = asyncio.get_running_loop().time()
    await room.service.status(StatusRequest(run, wait_ms=50_000))
    assert asyncio.get_running_loop().time() - waited == pytest.approx(4, abs=0.5)
    assert (await room.state(run)).status == "suspended"


async def test_without_its_plugin_a_suspended_workflow_waits_until_it_is_back(
    tmp_path: Path,
) -> None:
    whole, bare = simulated(Outside()), load_plugins(Settings())
    clock = SetClock()
    answer = ("decision", {"choice": "yes"}, None, "you")
    async with on_disk(tmp_path, whole, clock) as service:
        await defined(service, ask("q"), now("a", "${{steps.q.choice}}", "q"))
        run = str((await service.run(RunRequest("t", "me", wait_ms=10_000)))["workflow_id"])
        await defined(service, now("other"))  # a new version changes no workflow that runs
    async with on_disk(tmp_path, bare, clock) as service:
        with pytest.raises(ActionUnavailableError):
            await service.signal(SignalRequest(run, *answer))
        assert (await until(service, run, "suspended"))["pending_decisions"]
    async with on_disk(tmp_path, whole, clock) as service:
        assert (await service.signal(SignalRequest(run, *answer)))["status"] == "completed"
        assert (await until(service, run, "completed"))["output"] == "yes"


@virtually
async def test_a_closing_process_begins_nothing_that_was_queued(room: Room) -> None:
    steps = [work(f"a{number}", seconds=5) for number in range(30)]
    room.define(*steps)
    run = await room.run(wait=1)
    await room.process.close()
    assert sum(room.outside.calls.values()) == 10
    await room.crash()
    await asyncio.sleep(100)
    assert (await room.state(run)).status == "completed"
    assert set(room.outside.calls.values()) == {1}


@virtually
async def test_signals_to_one_workflow_at_once_are_taken_one_after_the_other(room: Room) -> None:
    room.define(*(ask(f"q{number}") for number in range(6)))
    run = await room.run()
    works = [room.decide(run, f"c{number}", f"q{number}") for number in range(6)]
    cancel = room.signal(run, "cancel")
    results = await asyncio.gather(*works[:3], cancel, *works[3:], return_exceptions=True)
    assert all(not isinstance(one, BaseException) for one in results[:4])
    assert all(isinstance(one, OpcodeError) for one in results[4:])
    assert room.told(run)[-1] == "workflow_cancelled"
