"""Workflows that workflows start: once, waited for without holding anything, told apart by how they end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine_room import (
    HOUR,
    Room,
    ask,
    child,
    container,
    fallback,
    now,
    parallel,
    strategy,
    virtually,
    with_settings,
    work,
)


def context(step_id: str, action: str, *after: str, **params: Any) -> dict[str, Any]:
    made = {"id": step_id, "action": "workflow.context", "params": {"action": action, **params}}
    return {**made, "depends_on": list(after)} if after else made


@virtually
async def test_a_child_gives_its_output_and_takes_its_inputs(room: Room) -> None:
    room.define(work("x", "${{inputs.n}}", seconds=HOUR), name="small", inputs={"n": 0})
    room.define(child("c", "small", params={"n": 7}))
    run = await room.run()
    await asyncio.sleep(2 * HOUR)
    assert (await room.state(run)).output == 7
    (small,) = room.children(run)
    assert (await room.state(small)).parent == (run, "c")


@virtually
async def test_a_child_that_fails_is_a_failed_step_like_any_other(room: Room) -> None:
    room.define({"id": "f", "action": "workflow.fail", "params": {"reason": "enough"}}, name="bad")
    room.define(child("c", "bad", **fallback("s")), now("s", "instead"))
    run = await room.run()
    state = await room.state(run)
    assert (state.status, state.output) == ("completed", "instead")
    assert state.steps["c"].error is not None
    assert state.steps["c"].error["details"]["cause"]["step_id"] == "f"


@virtually
async def test_wrong_inputs_and_templates_fail_the_step(room: Room) -> None:
    room.define(child("c", "nowhere"))
    run = await room.run()
    error = (await room.state(run)).error
    assert error is not None
    assert (error["code"], error["step_id"]) == ("NOT_FOUND", "c")
    assert room.children(run) == []


@virtually
async def test_a_child_cancelled_by_itself_fails_its_parents_step(room: Room) -> None:
    room.define(ask("q"), name="asks")
    room.define(child("c", "asks"))
    run = await room.run()
    (small,) = room.children(run)
    await room.signal(small, "cancel")
    await asyncio.sleep(1)
    error = (await room.state(run)).error
    assert error is not None
    assert (error["code"], error["step_id"]) == ("CANCELLED", "c")


@pytest.mark.parametrize("restart", [False, True])
@virtually
async def test_a_parent_is_suspended_with_its_child_and_goes_on_with_its_end(
    restart: bool, room: Room
) -> None:
    room.define(ask("q"), work("x", 3, "q", seconds=HOUR), name="asks")
    room.define(child("c", "asks"), now("after", "${{steps.c.output}}", "c"))
    run = await room.run()
    (small,) = room.children(run)
    assert (await room.state(run)).status == "suspended"
    assert room.process.engine.running == []
    await room.signal(small, "decision", choice="yes")
    assert (await room.state(small)).status == "active"
    assert (await room.state(run)).status == "suspended"  # nothing to be done in it
    if restart:
        await room.crash()
        assert len(room.children(run)) == 1
    await asyncio.sleep(2 * HOUR)
    assert (await room.state(run)).output == 3
    assert len(room.children(run)) == 1


@virtually
async def test_a_child_that_ended_while_its_parent_was_away_is_noticed_at_the_start(
    room: Room,
) -> None:
    room.define(ask("q"), name="asks")
    room.define(child("c", "asks"))
    run = await room.run()
    (small,) = room.children(run)
    deciding = asyncio.ensure_future(room.decide(small))
    ended = asyncio.Event()
    room.process.engine.on_end = lambda _: ended.set()
    await ended.wait()
    deciding.cancel()
    await room.crash()
    await asyncio.sleep(1)
    assert (await room.state(run)).status == "completed"


@with_settings(pool_size=1)
async def test_ten_generations_on_a_pool_of_one(room: Room) -> None:
    room.define(work("x", 1, seconds=1), name="g0")
    for number in range(1, 11):
        room.define(child("c", f"g{number - 1}"), work("x", 1, seconds=1), name=f"g{number}")
    runs = [await room.run("g10", wait=0) for _ in range(4)]
    await asyncio.sleep(200)
    assert [(await room.state(run)).status for run in runs] == ["completed"] * 4


@virtually
async def test_workflows_run_workflows_sixteen_deep_and_no_deeper(room: Room) -> None:
    room.define(child("c", "t"))
    run = await room.run()
    await asyncio.sleep(1)
    error = (await room.state(run)).error
    assert error is not None
    depth = 1
    while room.children(run):
        (run,) = room.children(run)
        depth += 1
    assert depth == 16
    last = (await room.state(run)).error
    assert last is not None
    assert (last["code"], error["code"]) == ("LIMIT_EXCEEDED", "LIMIT_EXCEEDED")


@virtually
async def test_context_goes_down_and_up(room: Room) -> None:
    room.define(
        context("put", "update", data={"x": 1}, agent_notes="n"),
        context("get", "read", "put"),
        context("theirs", "update", "get", data={"y": 2}, workflow_id="${{steps.get.output.x}}"),
        context={"x": 0, "z": 0},
    )
    run = await room.run()
    state = await room.state(run)
    assert state.context == {"x": 1, "z": 0, "agent_notes": "n"}
    assert state.steps["get"].output == state.context
    assert state.error is not None  # 1 is no workflow's id
    assert state.steps["theirs"].status == "failed"


@virtually
async def test_only_a_child_s_context_can_be_changed(room: Room) -> None:
    room.define(ask("q"), name="asks")
    other = await room.run("asks")
    room.define(context("u", "update", data={"x": 1}, workflow_id="${{inputs.other}}"), name="u")
    run = await room.run("u", other=other)
    error = (await room.state(run)).error
    assert error is not None
    assert error["code"] == "PERMISSION_DENIED"
    assert (await room.state(other)).context == {}


@virtually
async def test_a_retry_of_what_started_a_child_starts_another_one(room: Room) -> None:
    room.define(work("x", failures=9), name="bad")
    room.define(child("c", "bad"))
    run = await room.run()
    await asyncio.sleep(1)
    assert (await room.signal(run, "retry", "c"))["status"] == "failed"
    assert len(room.children(run)) == 2


@pytest.mark.parametrize("how", ["race", "timeout", "ignore", "retry", "skip"])
@virtually
async def test_a_child_that_nobody_waits_for_any_more_is_cancelled(how: str, room: Room) -> None:
    room.define(ask("q"), name="asks")
    branches = [[child("c", "asks")], [work("x", seconds=60, failures=0 if how == "race" else 9)]]
    more: dict[str, Any] = {
        "race": {},
        "timeout": {"timeout": "10s", **strategy("ignore")},
        "ignore": strategy("ignore"),
        "retry": {"retry": {"max": 1, "backoff": "none"}, **strategy("ignore")},
        "skip": {},
    }[how]
    if how == "skip":
        branches = [[child("c", "asks")]]
    mode = "race" if how == "race" else "all"
    room.define(container("parallel", "p", {"branches": branches, "mode": mode}, **more))
    run = await room.run(wait=5)
    if how == "skip":
        await room.signal(run, "skip", "p")
    await asyncio.sleep(HOUR)
    assert (await room.state(run)).status == "completed"
    assert len(room.children(run)) == (2 if how == "retry" else 1)
    for one in room.children(run):
        assert (await room.state(one)).status == "cancelled"


@virtually
async def test_an_effect_is_not_repeated_when_a_parent_goes_on(room: Room) -> None:
    room.define(work("x", effect="unsafe"), ask("q", "x"), name="asks")
    config = {"mode": "for_each", "over": [1, 2], "concurrency": 2, "body": [child("c", "asks")]}
    room.define(container("loop", "l", config))
    run = await room.run()
    for one in room.children(run):
        await room.crash()
        await room.decide(one)
    await asyncio.sleep(1)
    assert (await room.state(run)).status == "completed"
    assert set(room.outside.calls.values()) == {1}


@virtually
async def test_a_loser_that_is_ended_before_it_looks_at_its_child_leaves_none(room: Room) -> None:
    room.define(ask("q"), name="asks")
    room.define(parallel([child("c", "asks")], [child("d", "asks")], mode="race"))
    run = await room.run()
    await room.signal(run, "skip", "p.branch_1.d")
    await asyncio.sleep(1)
    assert (await room.state(run)).status == "completed"
    assert [(await room.state(one)).status for one in room.children(run)] == ["cancelled"] * 2


@virtually
async def test_out_of_time_a_suspended_child_is_cancelled_and_begins_anew(room: Room) -> None:
    room.define(ask("q"), name="asks")
    more = {"timeout": "10s", "on_timeout": "suspend"}
    room.define(child("c", "asks"), work("w", seconds=60), **more)
    run = await room.run()
    await asyncio.sleep(1)
    (first,) = room.children(run)
    assert (await room.state(first)).status == "cancelled"
    await room.signal(run, "skip", "w")
    await room.signal(run, "retry")
    (second,) = set(room.children(run)) - {first}
    await room.decide(second)
    await asyncio.sleep(1)
    assert (await room.state(run)).status == "completed"


@virtually
async def test_a_child_that_ends_while_its_parent_is_being_let_go_wakes_it(room: Room) -> None:
    room.define(ask("q"), name="asks")
    room.define(child("c", "asks"))
    journal, gate = room.process.store.journal, asyncio.Event()
    kept = journal.kept

    async def slow(workflow_id: str) -> None:
        await kept(workflow_id)
        state = journal.states[workflow_id]
        if state.parent is None and state.status == "suspended":
            await gate.wait()

    journal.kept = slow  # type: ignore[method-assign]
    run = await room.run(wait=1)
    assert (await room.state(run)).status == "suspended"
    assert room.process.engine.find(run) is not None  # what it came to is being stored
    (small,) = room.children(run)
    await room.decide(small)
    gate.set()
    await asyncio.sleep(1)
    assert (await room.state(run)).status == "completed"


@virtually
async def test_a_step_that_is_out_of_time_leaves_no_child_that_asks(room: Room) -> None:
    room.define(ask("q"), name="asks")
    room.define(child("c", "asks", timeout="10s"))
    run = await room.run()
    await asyncio.sleep(20)
    (small,) = room.children(run)
    assert (await room.state(run)).status == "failed"
    assert (await room.state(small)).status == "cancelled"


@virtually
async def test_a_child_that_somebody_took_up_again_is_left_alone_at_the_start(room: Room) -> None:
    room.define(now("a", failures=9), ask("q", "a"), name="bad")
    room.define(child("c", "bad", **strategy("ignore")))
    run = await room.run()
    await asyncio.sleep(1)
    (small,) = room.children(run)
    assert (await room.state(run)).status == "completed"
    await room.signal(small, "skip", "a")
    await room.crash()
    await asyncio.sleep(1)
    assert await room.decide(small) == "completed"
