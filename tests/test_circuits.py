"""Circuit breakers: opened by failures in a row, over all workflows, tried again by one probe."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine_room import Room, container, now, virtually, with_settings, work

OPEN, HALF, CLOSED = (f"circuit_breaker_{word}" for word in ("open", "half_open", "closed"))


async def code_of(room: Room, name: str) -> str | None:
    error = (await room.state(await room.run(name))).error
    return None if error is None else str(error["code"])


def define(room: Room) -> None:
    room.define(work("a", failures=9, effect="unsafe"), name="bad")
    room.define(work("a", failures=9, final=True, effect="unsafe"), name="wrong")
    room.define(work("a", 1, seconds=1, effect="unsafe"), name="good")
    room.define(work("a", seconds=9, timeout="1s", effect="unsafe"), name="slow")
    room.define(now("a", failures=9), name="other")


@virtually
async def test_five_failures_in_a_row_open_it_and_one_probe_closes_it(room: Room) -> None:
    define(room)
    codes = [await code_of(room, "bad") for _ in range(6)]
    assert codes == ["EXECUTION_ERROR"] * 5 + ["CIRCUIT_OPEN"]
    assert await code_of(room, "good") == "CIRCUIT_OPEN"
    assert await code_of(room, "other") == "EXECUTION_ERROR"  # it is no matter of that action
    await asyncio.sleep(31)
    probe, beside = await asyncio.gather(room.run("good", wait=0), room.run("good", wait=0))
    await asyncio.sleep(5)
    states = [await room.state(one) for one in (probe, beside)]
    assert [state.status for state in states] == ["completed", "failed"]
    assert room.told(probe)[1:] == [
        *("step_started a", f"{HALF} a", "step_completed a", f"{CLOSED} a", "workflow_completed"),
    ]
    assert await code_of(room, "good") is None


@virtually
async def test_a_probe_that_fails_opens_it_again(room: Room) -> None:
    define(room)
    for _ in range(5):
        await code_of(room, "bad")
    await asyncio.sleep(31)
    run = await room.run("bad")
    assert f"{HALF} a" in room.told(run)
    assert f"{OPEN} a" in room.told(run)
    assert await code_of(room, "good") == "CIRCUIT_OPEN"


@virtually
async def test_a_success_begins_the_count_anew_and_other_failures_do_not_count(room: Room) -> None:
    define(room)
    for name in ("bad", "bad", "bad", "bad", "good", "bad", "wrong", "bad"):
        assert await code_of(room, name) != "CIRCUIT_OPEN"


@virtually
async def test_timeouts_count_and_open_is_not_tried_again(room: Room) -> None:
    define(room)
    for _ in range(5):
        assert await code_of(room, "slow") == "TIMEOUT_ERROR"
    retry: dict[str, Any] = {"max": 3, "backoff": "constant", "delay": "1s"}
    room.define(work("a", effect="unsafe", retry=retry))
    run = await room.run()
    assert (await room.state(run)).steps["a"].attempts == 1
    assert (await room.state(run)).status == "failed"


@virtually
async def test_a_probe_that_is_cancelled_leaves_room_for_another(room: Room) -> None:
    define(room)
    for _ in range(5):
        await code_of(room, "bad")
    await asyncio.sleep(31)
    probe = await room.run("good", wait=0.5)
    await room.signal(probe, "cancel")
    assert await code_of(room, "good") is None


@with_settings(breaker_failures=0)
async def test_it_can_be_turned_off(room: Room) -> None:
    define(room)
    assert {await code_of(room, "bad") for _ in range(9)} == {"EXECUTION_ERROR"}


@pytest.mark.parametrize("failures", [1, 3])
@virtually
async def test_attempts_in_a_loop_count_like_others(failures: int, room: Room) -> None:
    body = [work("x", failures=9, effect="unsafe", on_error={"strategy": "ignore"})]
    config = {"mode": "for_each", "over": list(range(5 + failures)), "body": body}
    room.define(container("loop", "l", config))
    run = await room.run()
    told = room.told(run)
    assert len([one for one in told if one.startswith(OPEN)]) == 1
    codes = [step.error["code"] for step in (await room.state(run)).steps.values() if step.error]
    assert codes == ["EXECUTION_ERROR"] * 5 + ["CIRCUIT_OPEN"] * failures
