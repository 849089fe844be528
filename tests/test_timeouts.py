"""Timeouts: of an attempt, of a container with all inside it, of a whole workflow; over suspension and restart."""

from __future__ import annotations

import asyncio

import pytest
from engine_room import (
    HOUR,
    Room,
    ask,
    child,
    container,
    fallback,
    now,
    virtually,
    with_settings,
    work,
)

CODE = "TIMEOUT_ERROR"


async def code_of(room: Room, run: str) -> str | None:
    error = (await room.state(run)).error
    return None if error is None else error["code"]


@virtually
async def test_a_timeout_holds_for_each_attempt(room: Room) -> None:
    retry = {"max": 1, "backoff": "constant", "delay": "10s"}
    room.define(work("a", seconds=100, timeout="1s", retry=retry))
    run = await room.run()
    state = await room.state(run)
    assert (state.status, await code_of(room, run)) == ("failed", "RETRY_EXHAUSTED")
    times = [event.timestamp for event in room.events(run)]
    assert times[-1] - times[0] == pytest.approx(12e6, abs=1e5)
    assert not +room.outside.running


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("handled", [False, True])
@virtually
async def test_a_container_is_out_of_time_while_it_waits_inside(
    restart: bool, handled: bool, room: Room
) -> None:
    more = fallback("s") if handled else {}
    steps = [container("parallel", "p", {"branches": [[ask("q")]]}, timeout="1h", **more)]
    room.define(*steps, *([now("s", "instead")] if handled else []))
    run = await room.run()
    assert (await room.state(run)).status == "suspended"
    assert room.process.engine.running == []
    if restart:
        await asyncio.sleep(0.5 * HOUR)
        await room.crash()
    await asyncio.sleep(0.4 * HOUR if restart else 0.9 * HOUR)
    assert (await room.state(run)).status == "suspended"
    await asyncio.sleep(0.2 * HOUR)
    state = await room.state(run)
    assert state.status == ("completed" if handled else "failed")
    assert not list(state.pending_decisions())
    if handled:
        assert state.output == "instead"
        assert state.steps["p.branch_0.q"].status == "skipped"
    else:
        assert await code_of(room, run) == CODE


@virtually
async def test_a_deadline_that_passed_while_nothing_ran_ends_the_container_at_the_start(
    room: Room,
) -> None:
    room.define(
        container("loop", "l", {"over": [1], "mode": "for_each", "body": [ask("q")]}, timeout="1h")
    )
    run = await room.run()
    await room.process.crash()
    await asyncio.sleep(2 * HOUR)
    await room.crash()
    await asyncio.sleep(1)
    assert await code_of(room, run) == CODE


@virtually
async def test_a_timeout_of_a_wait_for_a_signal(room: Room) -> None:
    room.define(container("wait", "w", {"signal": "go", "timeout": "10s"}))
    run = await room.run()
    await asyncio.sleep(11)
    assert await code_of(room, run) == CODE
    assert (await room.signal(run, "retry", "w"))["status"] == "suspended"
    assert (await room.signal(run, "data", signal="go"))["status"] == "completed"


@virtually
async def test_time_suspended_for_a_decision_does_not_count(room: Room) -> None:
    room.define(ask("q"), work("a", 1, "q", seconds=30), timeout="1m")
    first, second = await room.run(), await room.run()
    await asyncio.sleep(HOUR)
    assert await room.decide(first) == "completed"
    room.define(work("a", seconds=50), ask("q", "a"), work("b", 1, "q", seconds=30), timeout="1m")
    late = await room.run()
    await asyncio.sleep(HOUR)
    assert (await room.state(late)).status == "suspended"
    assert await room.decide(late) == "failed"
    assert await code_of(room, late) == CODE
    assert (await room.state(second)).status == "suspended"


@virtually
async def test_on_timeout_is_applied_by_a_timer_of_its_own(room: Room) -> None:
    room.define(container("wait", "w", {"duration": "2h"}), timeout="1h", on_timeout="cancel")
    run = await room.run()
    assert room.process.engine.running == []  # it is not even in memory
    await asyncio.sleep(1.1 * HOUR)
    assert (await room.state(run)).status == "cancelled"


@virtually
async def test_the_hook_runs_after_a_timeout_and_sees_it(room: Room) -> None:
    hook = {"action": "sim.now", "params": {"value": "${{workflow.error.code}}"}}
    room.define(work("a", seconds=100), timeout="1s", on_error=hook)
    run = await room.run()
    state = await room.state(run)
    assert (state.status, state.steps["on_error"].output) == ("failed", CODE)
    assert state.steps["a"].status == "skipped"


@virtually
async def test_a_suspended_workflow_goes_on_with_a_fresh_allowance(room: Room) -> None:
    room.define(
        work("a", 1, seconds=0.5, effect="unsafe"),
        container(
            "loop",
            "l",
            {"mode": "for_each", "over": [1, 2], "body": [work("x", seconds=0.4)]},
            depends_on=["a"],
        ),
        timeout="1s",
        on_timeout="suspend",
    )
    run = await room.run()
    state = await room.state(run)
    assert (state.status, state.timed_out) == ("suspended", True)
    assert (await room.statuses(run))["l.iter_0.x"] == "completed"
    await asyncio.sleep(HOUR)
    assert (await room.signal(run, "retry"))["status"] == "completed"
    assert room.outside.calls[run, "a", "unsafe"] == 1
    assert room.outside.calls[run, "l.iter_0.x", "pure"] == 1
    assert room.outside.calls[run, "l.iter_1.x", "pure"] == 2


@virtually
async def test_time_suspended_is_no_part_of_a_fresh_allowance(room: Room) -> None:
    room.define(work("a", seconds=5), timeout="1s", on_timeout="suspend")
    run = await room.run()
    await asyncio.sleep(HOUR)
    assert (await room.signal(run, "retry"))["status"] == "suspended"
    times = {
        kind: event.timestamp for kind, event in zip(room.told(run), room.events(run), strict=True)
    }
    assert times["workflow_timed_out"] - times["workflow_resumed"] == pytest.approx(1e6, abs=1e5)


@virtually
async def test_a_decision_made_while_out_of_time_counts(room: Room) -> None:
    room.define(ask("q"), work("a", seconds=100), timeout="1s", on_timeout="suspend")
    run = await room.run()
    answer = await room.signal(run, "decision", "q", choice="yes")
    assert (answer["resumed"], answer["status"]) == (False, "suspended")
    await room.crash()
    assert (await room.state(run)).status == "suspended"
    assert (await room.signal(run, "skip", "a"))["status"] == "suspended"
    assert (await room.signal(run, "retry"))["status"] == "completed"
    assert (await room.state(run)).steps["q"].output == {"choice": "yes", "resolved_by": "you"}


@virtually
async def test_a_child_that_was_cancelled_with_the_time_begins_anew(room: Room) -> None:
    room.define(work("w", 1, seconds=2), name="small")
    room.define(
        work("a", seconds=0.9),
        child("c", "small", depends_on=["a"]),
        timeout="1s",
        on_timeout="suspend",
    )
    run = await room.run()
    await asyncio.sleep(1)
    (first,) = room.children(run)
    assert (await room.state(first)).status == "cancelled"
    await room.signal(run, "retry")
    assert len(room.children(run)) == 2


@with_settings(pool_size=1)
async def test_time_in_the_queue_is_no_part_of_an_attempt(room: Room) -> None:
    room.define(work("a", seconds=10), work("b", seconds=1, timeout="2s"))
    run = await room.run()
    assert (await room.state(run)).status == "completed"


@virtually
async def test_failed_time_is_no_part_of_the_allowance(room: Room) -> None:
    room.define(now("a", failures=9), work("b", 1, "a", seconds=1), timeout="10s")
    run = await room.run()
    await asyncio.sleep(HOUR)
    assert (await room.signal(run, "skip", "a"))["status"] == "completed"


@virtually
async def test_a_second_cancel_leaves_nothing_running(room: Room) -> None:
    branches = [[work("x", seconds=9)], [work("y", seconds=9)]]
    inner = container("parallel", "p", {"branches": branches}, timeout="1s")
    room.define(container("parallel", "o", {"branches": [[inner]]}, timeout="1s"), timeout="1s")
    run = await room.run(wait=0.5)
    await asyncio.sleep(0.5)
    with_cancel = await asyncio.gather(room.signal(run, "cancel"), return_exceptions=True)
    assert len(with_cancel) == 1
    await asyncio.sleep(1)
    assert (await room.state(run)).status in ("failed", "cancelled")
    assert not +room.outside.running
