"""The steps that run when a workflow is over: what they see, and that they change nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine_room import HOUR, Room, Step, ask, child, now, virtually, work


def hook(value: Any = None, **more: Any) -> Step:
    params = {"value": value, **{name: more.pop(name) for name in ("failures",) if name in more}}
    return {"action": "sim.now", "params": params, **more}


@virtually
async def test_they_see_what_the_workflow_came_to(room: Room) -> None:
    seen = ["${{workflow.status}}", "${{workflow.error.code}}", "${{workflow.error.step_id}}"]
    room.define(now("a", failures=9), on_error=hook(seen), on_complete=hook())
    run = await room.run()
    state = await room.state(run)
    assert state.steps["on_error"].output == ["failed", "EXECUTION_ERROR", "a"]
    assert "on_complete" not in state.steps
    room.define(
        now("a", 1), on_complete=hook("${{workflow.status}} ${{steps.a.output}}"), name="ok"
    )
    state = await room.state(await room.run("ok"))
    assert state.steps["on_complete"].output == "completed 1"
    assert state.output == 1


@virtually
async def test_a_failure_of_their_own_changes_nothing_else(room: Room) -> None:
    room.define(now("a", 1), on_complete=hook(failures=9, retry={"max": 1, "backoff": "none"}))
    run = await room.run()
    state = await room.state(run)
    assert (state.status, state.output) == ("completed", 1)
    assert state.steps["on_complete"].status == "failed"
    assert room.told(run)[-2:] == ["step_failed on_complete", "workflow_completed"]
    room.define(now("a", failures=9), on_error=hook(failures=9), name="bad")
    state = await room.state(await room.run("bad"))
    assert (state.status, (state.error or {})["step_id"]) == ("failed", "a")


@virtually
async def test_they_do_not_run_when_it_is_cancelled(room: Room) -> None:
    room.define(work("a", seconds=9), on_error=hook(), on_complete=hook())
    run = await room.run(wait=1)
    await room.signal(run, "cancel")
    assert set(await room.statuses(run)) == {"a"}


@pytest.mark.parametrize("restart", [False, True])
@virtually
async def test_one_that_asks_suspends_the_workflow_before_its_end(
    restart: bool, room: Room
) -> None:
    room.define(now("a", failures=9), on_error={**ask("why")})
    run = await room.run()
    assert (await room.state(run)).status == "suspended"
    if restart:
        await room.crash()
    assert await room.decide(run) == "failed"
    assert (await room.state(run)).steps["why"].output["choice"] == "yes"


@virtually
async def test_one_that_waits_or_runs_a_child_is_waited_for(room: Room) -> None:
    room.define(work("x", seconds=HOUR), name="small")
    room.define(now("a"), on_complete=child("c", "small"))
    run = await room.run()
    assert (await room.state(run)).status == "active"
    await asyncio.sleep(2 * HOUR)
    assert (await room.state(run)).status == "completed"


@virtually
async def test_a_retry_while_one_asks_withdraws_its_question(room: Room) -> None:
    room.define(now("a", failures=9), on_error={**ask("why")})
    run = await room.run()
    answer = await room.signal(run, "retry", "a", params={"failures": 0})
    assert answer["status"] == "completed"
    state = await room.state(run)
    assert [one.status for one in state.decisions.values()] == ["cancelled"]
    assert "why" not in state.steps


@virtually
async def test_after_a_retry_they_run_again(room: Room) -> None:
    room.define(now("a", failures=9), on_error=hook())
    run = await room.run()
    await room.signal(run, "retry", "a")
    assert room.told(run).count("step_completed on_error") == 2
    assert (await room.state(run)).status == "failed"
