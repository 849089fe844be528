"""Signals in every state of a workflow: what each does, and the refusals, which leave no trace."""

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
    refused,
    side_by_side,
    strategy,
    virtually,
    with_settings,
    work,
)
from opcode_core.errors import (
    ConflictError,
    LimitExceededError,
    NotFoundError,
    ValidationError,
)


@virtually
async def test_data_goes_into_the_context_and_ends_a_wait(room: Room) -> None:
    room.define(
        container("wait", "w", {"signal": "go"}), now("a", "${{context.x}}", "w"), context={"y": 1}
    )
    run = await room.run()
    assert (await room.signal(run, "data", x=5))["status"] == "completed"  # the only one that waits
    state = await room.state(run)
    assert state.context == {"x": 5, "y": 1}
    assert state.steps["w"].output == {"signal": "go", "payload": {"x": 5}}
    assert state.steps["a"].output == 5
    assert isinstance(await refused(room, run, "data", x=6), ConflictError)


@virtually
async def test_data_for_another_name_does_not_end_a_wait(room: Room) -> None:
    room.define(container("wait", "w", {"signal": "go"}), container("wait", "v", {"signal": "on"}))
    run = await room.run()
    assert (await room.signal(run, "data", signal="stop"))["status"] == "suspended"
    assert (await room.signal(run, "data", x=1))["status"] == "suspended"  # which of the two?
    assert (await room.signal(run, "data", signal="on"))["status"] == "suspended"
    assert (await room.signal(run, "data", "w"))["status"] == "completed"


@pytest.mark.parametrize("how", [{"signal": "go"}, {"step_id": "w"}])
@virtually
async def test_data_that_comes_before_its_step_is_kept(how: dict[str, str], room: Room) -> None:
    room.define(work("a", seconds=60), container("wait", "w", {"signal": "go"}, depends_on=["a"]))
    run = await room.run(wait=1)
    await room.signal(
        run, "data", how.get("step_id"), **{k: v for k, v in how.items() if k == "signal"}
    )
    await room.crash()
    await asyncio.sleep(100)
    assert (await room.state(run)).status == "completed"
    assert (await room.state(run)).inbox == []


@virtually
async def test_a_signal_is_taken_by_one_wait_only(room: Room) -> None:
    body = [container("wait", "w", {"signal": "go"})]
    room.define(container("loop", "l", {"mode": "for_each", "over": [1, 2, 3], "body": body}))
    run = await room.run()
    await room.signal(run, "data", signal="go", n=1)
    await room.signal(run, "data", signal="go", n=2)
    assert (await room.state(run)).status == "suspended"
    await room.signal(run, "data", signal="go", n=3)
    output = (await room.state(run)).output
    assert [one["payload"]["n"] for one in output["results"]] == [1, 2, 3]


@virtually
async def test_data_for_what_does_not_exist_or_is_over(room: Room) -> None:
    room.define(now("a"), ask("q", "a"))
    run = await room.run()
    assert isinstance(await refused(room, run, "data", "nowhere"), NotFoundError)
    assert isinstance(await refused(room, run, "data", "a"), ConflictError)
    assert isinstance(await refused(room, run, "data", signal=""), ValidationError)
    assert isinstance(await refused(room, run, "data", signal=3), ValidationError)
    with pytest.raises(NotFoundError):
        await room.signal("no-such-workflow", "data")


@virtually
async def test_a_thousand_signals_may_wait_and_no_more(room: Room) -> None:
    room.define(ask("q"))
    run = await room.run()
    for number in range(1000):
        await room.signal(run, "data", signal="later", n=number)
    assert isinstance(await refused(room, run, "data", signal="later"), LimitExceededError)
    await room.signal(run, "data", x=1)  # this one waits for nobody
    assert await room.decide(run) == "completed"


@virtually
async def test_retry_runs_a_failed_step_again(room: Room) -> None:
    room.define(now("a", failures=9), now("b", "${{steps.a.output}}", "a"))
    run = await room.run()
    assert (await room.state(run)).status == "failed"
    again = await room.signal(run, "retry", "a")
    assert (again["resumed"], again["status"]) == (True, "failed")
    answer = await room.signal(run, "retry", "a", params={"value": 7, "failures": 0})
    assert answer["status"] == "completed"
    assert (await room.state(run)).output == 7
    assert isinstance(await refused(room, run, "retry", "a"), ConflictError)


@pytest.mark.parametrize("nested", [False, True])
@virtually
async def test_params_of_a_retry_hold_for_that_attempt_only(nested: bool, room: Room) -> None:
    step = work("a", 1, failures=9, retry={"max": 1, "backoff": "constant", "delay": "1s"})
    room.define(container("parallel", "p", {"branches": [[step]]}) if nested else step)
    run = await room.run()
    full = "p.branch_0.a" if nested else "a"
    wrong = await refused(room, run, "retry", full, params=[1])
    assert isinstance(wrong, ValidationError)
    answer = await room.signal(run, "retry", full, params={"value": 2, "failures": 0})
    assert answer["status"] == "completed"
    assert (await room.state(run)).steps[full].output == 2


@virtually
async def test_retry_of_a_nested_step_carries_on_what_is_around_it(room: Room) -> None:
    body = [
        work("x", 1, effect="unsafe"),
        work("y", 2, failures=9),
        now("z", "${{steps.x.output}}"),
    ]
    loop = container("loop", "l", {"mode": "for_each", "over": [1, 2], "body": body})
    room.define(container("parallel", "p", {"branches": [[loop]]}), now("after", 1, "p"))
    run = await room.run()
    assert (await room.state(run)).status == "failed"
    first, second = (f"p.branch_0.l.iter_{index}" for index in range(2))
    assert (await room.signal(run, "retry", f"{first}.y", params={"failures": 0}))[
        "status"
    ] == "failed"
    answer = await room.signal(run, "retry", f"{second}.y", params={"failures": 0})
    assert answer["status"] == "completed"
    assert room.outside.calls[run, f"{first}.x", "unsafe"] == 1
    assert room.outside.calls[run, f"{second}.x", "unsafe"] == 1


@virtually
async def test_what_is_inside_something_that_is_over_is_not_tried_again(room: Room) -> None:
    failing = container(
        "parallel", "p", {"branches": [[now("x", failures=9)]]}, **strategy("ignore")
    )
    room.define(failing, ask("q", "p"))
    run = await room.run()
    for kind in ("retry", "skip"):
        error = await refused(room, run, kind, "p.branch_0.x")
        assert isinstance(error, ConflictError)
        assert "`p`" in error.message


@virtually
async def test_skip_lets_a_workflow_go_on(room: Room) -> None:
    room.define(now("a", failures=9), now("b", 2, "a"))
    run = await room.run()
    assert isinstance(await refused(room, run, "skip"), ValidationError)
    assert isinstance(await refused(room, run, "skip", "b"), NotFoundError)
    assert (await room.signal(run, "skip", "a"))["status"] == "completed"
    assert await room.statuses(run) == {"a": "skipped", "b": "completed"}
    assert isinstance(await refused(room, run, "skip", "a"), ConflictError)


@virtually
async def test_skip_of_a_question_and_of_a_container_with_one(room: Room) -> None:
    room.define(container("parallel", "p", {"branches": [[ask("q"), now("x")], [ask("r")]]}))
    first, second = await room.run(), await room.run()
    assert (await room.signal(first, "skip", "p.branch_0.q"))["status"] == "suspended"
    assert (await room.statuses(first))["p.branch_0.x"] == "completed"
    assert (await room.signal(second, "skip", "p"))["status"] == "completed"
    assert set((await room.statuses(second)).values()) == {"skipped"}
    assert not list((await room.state(second)).pending_decisions())


@virtually
async def test_skip_of_a_failed_step_waits_until_its_workflow_has_failed(room: Room) -> None:
    room.define(now("a", failures=9), work("b", seconds=10))
    run = await room.run(wait=1)
    assert isinstance(await refused(room, run, "skip", "a"), ConflictError)
    assert isinstance(await refused(room, run, "retry", "a"), ConflictError)
    await asyncio.sleep(20)
    assert (await room.signal(run, "skip", "a"))["status"] == "completed"


@virtually
async def test_a_fallback_that_waits_is_given_up_when_its_primary_is_skipped(room: Room) -> None:
    room.define(now("a", failures=9, **fallback("s")), ask("s"), now("b", 1, "a"))
    run = await room.run()
    assert (await room.signal(run, "skip", "a"))["status"] == "completed"
    assert await room.statuses(run) == {"a": "skipped", "s": "skipped", "b": "completed"}


@virtually
async def test_eight_retries_at_once_are_one(room: Room) -> None:
    room.define(work("a", failures=9, seconds=1, effect="unsafe"))
    run = await room.run()
    answers = await side_by_side(*(room.signal(run, "retry", "a") for _ in range(8)))
    assert sum(isinstance(one, ConflictError) for one in answers) == 7
    assert room.outside.calls[run, "a", "unsafe"] == 2


@virtually
async def test_cancel_in_every_state(room: Room) -> None:
    room.define(work("a", seconds=100), ask("q", "a"), now("b", 1, "q"))
    running, suspended, over = [await room.run(wait=1) for _ in range(3)]
    assert (await room.signal(running, "cancel"))["status"] == "cancelled"
    assert room.outside.running[running] == 0
    await asyncio.sleep(200)
    assert (await room.signal(suspended, "cancel"))["status"] == "cancelled"
    assert (await room.answer(suspended)).get("pending_decisions") is None
    assert await room.statuses(suspended) == {"a": "completed", "q": "skipped", "b": "skipped"}
    await room.decide(over)
    for run in (running, suspended, over):
        assert isinstance(await refused(room, run, "cancel"), ConflictError)
        for kind in ("retry", "skip"):
            assert isinstance(await refused(room, run, kind, "a"), ConflictError)
        assert isinstance(await refused(room, run, "decision", "q", choice="yes"), ConflictError)
    with pytest.raises(ValidationError):
        await room.signal(running, "cancel", "a")


@virtually
async def test_cancel_ends_a_loop_that_never_would(room: Room) -> None:
    body = [container("wait", "w", {"duration": "1s"})]
    config = {"mode": "while", "condition": "true", "body": body}
    room.define(container("loop", "l", config))
    run = await room.run(wait=30)
    assert (await room.signal(run, "cancel"))["status"] == "cancelled"
    before = room.told(run)
    await asyncio.sleep(HOUR)
    assert room.told(run) == before
    assert set((await room.statuses(run)).values()) == {"completed", "skipped"}


@virtually
async def test_cancel_takes_the_children_along(room: Room) -> None:
    room.define(ask("q"), name="asks")
    room.define(work("w", seconds=HOUR), name="works")
    room.define(child("a", "asks"), child("b", "works"))
    run = await room.run(wait=1)
    assert (await room.signal(run, "cancel"))["status"] == "cancelled"
    await asyncio.sleep(1)
    for one in room.children(run):
        assert (await room.state(one)).status == "cancelled"
    assert not +room.outside.running


@with_settings(pool_size=1)
async def test_nobody_holds_a_place_while_waiting(room: Room) -> None:
    room.define(ask("q"), container("wait", "w", {"duration": "1h"}), work("a", seconds=1))
    await room.run(wait=0)
    run = await room.run(wait=5)
    assert (await room.statuses(run))["a"] == "completed"
