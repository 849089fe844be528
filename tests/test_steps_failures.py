"""How what is inside of steps fails: races and their losers, handlers at any depth, fallbacks that are shared."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine_room import (
    HOUR,
    Room,
    Step,
    ask,
    container,
    fallback,
    loop,
    now,
    parallel,
    strategy,
    virtually,
    with_settings,
    work,
)


async def output(room: Room, *steps: Step, **more: Any) -> Any:
    room.define(*steps, **more)
    run = await room.run()
    await asyncio.sleep(HOUR)
    state = await room.state(run)
    assert state.status == "completed", state.error
    return state.output


@virtually
async def test_the_first_to_succeed_wins_and_losers_write_nothing_late(room: Room) -> None:
    late = [work("x", seconds=2), now("y", 1)]
    race = parallel(
        [work("a", failures=9, seconds=0.5)], [work("b", 7, seconds=1)], late, mode="race"
    )
    room.define(race, work("after", 1, "p", seconds=10))
    run = await room.run()
    await asyncio.sleep(20)
    state = await room.state(run)
    assert state.steps["p"].output == {"mode": "race", "winner": 1, "output": 7}
    assert await room.statuses(run) == {
        "p": "completed",
        "after": "completed",
        "p.branch_0.a": "failed",
        "p.branch_1.b": "completed",
        "p.branch_2.x": "skipped",
    }
    assert room.outside.calls[run, "p.branch_2.y", "pure"] == 0


@virtually
async def test_a_race_in_which_all_fail_fails_with_the_first_error(room: Room) -> None:
    room.define(
        parallel(
            [work("a", failures=9, seconds=2)], [work("b", failures=9, seconds=1)], mode="race"
        )
    )
    run = await room.run()
    error = (await room.state(run)).error
    assert error is not None
    assert error["step_id"] == "p.branch_1.b"


@virtually
async def test_a_race_won_before_the_others_have_begun(room: Room) -> None:
    room.define(parallel([now("a", 1)], [work("b", 2)], [ask("q")], mode="race"))
    run = await room.run()
    assert (await room.state(run)).output == {"mode": "race", "winner": 0, "output": 1}


@pytest.mark.parametrize("crash", [False, True])
@virtually
async def test_a_fallback_outside_a_race_is_not_left_behind(crash: bool, room: Room) -> None:
    loser = now("a", failures=9, **fallback("s"))
    room.define(parallel([loser], [work("b", 2, seconds=5)], mode="race"), ask("s"))
    run = await room.run(wait=1)
    if crash:
        await room.crash()
    await asyncio.sleep(10)
    state = await room.state(run)
    assert (state.status, state.steps["s"].status) == ("completed", "skipped")
    assert not list(state.pending_decisions())


@virtually
async def test_of_five_siblings_one_fails_and_the_others_finish(room: Room) -> None:
    room.define(
        parallel(
            [work("x", failures=9, seconds=0.5), now("never")],
            *[[work("x", number, seconds=number), now("never")] for number in range(1, 5)],
        )
    )
    run = await room.run()
    statuses = await room.statuses(run)
    assert sorted(statuses.values()) == ["completed"] * 4 + ["failed"] * 2
    assert not any(step_id.endswith("never") for step_id in statuses)


@virtually
async def test_branches_begin_together_also_when_the_first_fails_at_once(room: Room) -> None:
    room.define(parallel([now("x", "${{inputs.not_there}}")], [work("y", seconds=1), now("never")]))
    run = await room.run()
    statuses = await room.statuses(run)
    assert sorted(statuses.values()) == ["completed", "failed", "failed"]


@pytest.mark.parametrize("around", ["parallel", "race", "loop", "condition"])
@pytest.mark.parametrize("handler", [strategy("ignore"), fallback("s")])
@pytest.mark.parametrize("how", ["fail_workflow", "workflow.fail"])
@virtually
async def test_a_failure_meant_for_the_workflow_is_handled_by_nobody(
    how: str, handler: Step, around: str, room: Room
) -> None:
    if how == "fail_workflow":
        inner: Step = work("f", failures=9, seconds=1, **strategy("fail_workflow"))
    else:
        inner = {"id": "f", "action": "workflow.fail", "params": {"reason": "enough"}, **handler}
        inner |= {"on_error": strategy("ignore")["on_error"]}
    outer = {
        "parallel": parallel([inner], [work("w", seconds=5)], step_id="o", **handler),
        "race": parallel([inner], [work("w", seconds=5)], step_id="o", mode="race", **handler),
        "loop": loop(inner, over=[1], step_id="o", more=handler),
        "condition": container(
            "condition", "o", {"expression": "true", "branches": {"true": [inner]}}, **handler
        ),
    }[around]
    room.define(outer, work("beside", seconds=60), now("s"))
    run = await room.run()
    await asyncio.sleep(100)
    state = await room.state(run)
    assert state.status == "failed"
    assert state.error is not None
    assert state.error["step_id"].endswith(".f")
    assert (
        "s" not in state.steps or state.steps["s"].status != "completed" or handler != fallback("s")
    )
    beside = "skipped" if how == "fail_workflow" else "completed"
    assert state.steps["beside"].status == beside


@virtually
async def test_two_fallbacks_share_one_spare_that_asks(room: Room) -> None:
    first, second = (now(one, failures=9, **fallback("s")) for one in "ab")
    room.define(first, second, ask("s"), now("after", "${{steps.b.choice}}", "a", "b"))
    run = await room.run()
    state = await room.state(run)
    assert state.status == "suspended"  # both wait, and nobody holds anything
    assert room.process.engine.running == []
    assert await room.decide(run) == "completed"
    assert (await room.state(run)).steps["after"].output == "yes"
    assert room.told(run).count("decision_requested s") == 1
    assert room.told(run).count("step_fallback a") == room.told(run).count("step_fallback b") == 1


@virtually
async def test_a_fallback_further_out_stands_in_for_what_is_inside(room: Room) -> None:
    inner = now("x", failures=9, **fallback("s"))
    given = await output(
        room, parallel([inner, now("y", "${{steps.x.output}}")]), now("s", "spare")
    )
    assert given == {"mode": "all", "branches": ["spare"]}


@virtually
async def test_dataflow_starts_a_step_as_soon_as_it_can_and_none_after_a_failure(
    room: Room,
) -> None:
    steps = [work("a", seconds=1), work("b", seconds=10), now("c", 1, "a"), now("d", 1, "b")]
    room.define(*steps, schedule="dataflow")
    run = await room.run(wait=5)
    assert (await room.statuses(run)) == {"a": "completed", "b": "running", "c": "completed"}
    failing = [work("a", failures=9, seconds=1), work("b", seconds=10), now("c", 1, "b")]
    room.define(*failing, name="bad", schedule="dataflow")
    bad = await room.run("bad")
    assert await room.statuses(bad) == {"a": "failed", "b": "completed"}
    assert (await room.signal(bad, "skip", "a"))["status"] == "completed"


@pytest.mark.parametrize("schedule", ["level", "dataflow"])
@virtually
async def test_sixteen_levels_of_nesting_suspend_and_resume(schedule: str, room: Room) -> None:
    step: Step = ask("q")
    kinds = ["parallel", "loop", "condition", "race"]
    for depth in range(15):
        kind = kinds[depth % 4]
        name = f"n{depth}"
        step = {
            "parallel": parallel([now("b", 1), step], step_id=name),
            "race": parallel([step], step_id=name, mode="race"),
            "loop": loop(now("b", 1), step, over=[1], step_id=name),
            "condition": container(
                "condition", name, {"expression": "true", "branches": {"true": [step]}}
            ),
        }[kind]
    room.define(step, schedule=schedule)
    run = await room.run()
    await room.crash()
    assert await room.decide(run) == "completed"
    assert max(len(one.split(".")) for one in await room.statuses(run)) == 31


@with_settings(breaker_failures=0)
async def test_an_iteration_is_tried_again_alone(room: Room) -> None:
    retried = work("x", "${{loop.item}}", failures=2, retry={"max": 2, "backoff": "none"})
    room.define(loop(retried, over=[1, 2], concurrency=2))
    run = await room.run()
    assert (await room.state(run)).output == {"iterations": 2, "results": [1, 2]}
    assert [room.outside.calls[run, f"l.iter_{index}.x", "pure"] for index in range(2)] == [3, 3]


@virtually
async def test_a_further_attempt_of_a_container_begins_from_nothing(room: Room) -> None:
    body = [now("x", 1), work("y", failures=9)]
    room.define(loop(*body, over=[1], more={"retry": {"max": 1, "backoff": "none"}}))
    run = await room.run()
    assert room.outside.calls[run, "l.iter_0.x", "pure"] == 2
    assert (await room.state(run)).steps["l"].attempts == 2


@virtually
async def test_a_later_failure_that_nobody_may_handle_is_the_one_that_counts(room: Room) -> None:
    plain = work("a", failures=9, seconds=1)
    final = work("b", failures=9, seconds=2, **strategy("fail_workflow"))
    room.define(parallel([plain], [final], **strategy("ignore")))
    run = await room.run()
    error = (await room.state(run)).error
    assert error is not None
    assert error["step_id"] == "p.branch_1.b"
