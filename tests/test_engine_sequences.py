"""The exact events of small workflows, of every kind there is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine_room import (
    Room,
    Step,
    ask,
    child,
    container,
    fallback,
    now,
    strategy,
    virtually,
    work,
)

TWICE = {"retry": {"max": 1, "backoff": "constant", "delay": "1s"}}
ENDING: dict[str, tuple[list[Step], str]] = {
    "two steps": (
        [now("a"), now("b", None, "a")],
        """workflow_started
        step_started a, step_completed a
        step_started b, step_completed b
        workflow_completed""",
    ),
    "a guard": (
        [now("a", condition="1 > 2"), now("b", None, "a")],
        "workflow_started, step_skipped a, step_started b, step_completed b, workflow_completed",
    ),
    "loop": (
        [container("loop", "l", {"mode": "for_each", "over": [1, 2], "body": [now("x")]})],
        """workflow_started, step_started l
        loop_iter_started l, step_started l.iter_0.x, step_completed l.iter_0.x, loop_iter_completed l
        loop_iter_started l, step_started l.iter_1.x, step_completed l.iter_1.x, loop_iter_completed l
        loop_completed l, step_completed l, workflow_completed""",
    ),
    "parallel": (
        [container("parallel", "p", {"branches": [[now("x")], [now("y")]]})],
        """workflow_started, step_started p, parallel_started p
        step_started p.branch_0.x, step_completed p.branch_0.x
        step_started p.branch_1.y, step_completed p.branch_1.y
        parallel_completed p, step_completed p, workflow_completed""",
    ),
    "race": (
        [
            container(
                "parallel",
                "p",
                {"mode": "race", "branches": [[work("x", seconds=1)], [work("y", seconds=2)]]},
            )
        ],
        """workflow_started, step_started p, parallel_started p
        step_started p.branch_0.x, step_started p.branch_1.y
        step_completed p.branch_0.x, variable_set p, step_skipped p.branch_1.y
        parallel_completed p, step_completed p, workflow_completed""",
    ),
    "condition": (
        [
            container(
                "condition",
                "c",
                {"expression": "1 == 1", "branches": {"true": [now("x")], "false": [now("y")]}},
            )
        ],
        """workflow_started, step_started c, condition_evaluated c
        step_started c.true.x, step_completed c.true.x, step_completed c, workflow_completed""",
    ),
    "wait": (
        [container("wait", "w", {"duration": "2h"})],
        """workflow_started, step_started w, wait_started w, wait_completed w, step_completed w
        workflow_completed""",
    ),
    "retry": (
        [work("a", failures=1, **TWICE)],
        """workflow_started, step_started a, step_retrying a, step_retry_attempt a, step_completed a
        workflow_completed""",
    ),
    "retries used up": (
        [work("a", failures=9, **TWICE)],
        """workflow_started, step_started a, step_retrying a, step_retry_attempt a, step_failed a
        workflow_failed""",
    ),
    "fallback": (
        [now("a", failures=9, **fallback("s")), now("s")],
        """workflow_started, step_started a, step_failed a, error_handler_invoked a
        step_started s, step_completed s, step_fallback a, workflow_completed""",
    ),
    "fallback not needed": (
        [now("a", **fallback("s")), now("s")],
        "workflow_started, step_started a, step_completed a, step_skipped s, workflow_completed",
    ),
    "ignore": (
        [now("a", failures=9, **strategy("ignore"))],
        """workflow_started, step_started a, error_handler_invoked a, step_ignored a
        workflow_completed""",
    ),
    "fail_workflow": (
        [work("a", failures=9, seconds=1, **strategy("fail_workflow")), work("b", seconds=2)],
        """workflow_started, step_started a, step_started b
        step_failed a, error_handler_invoked a, step_skipped b, workflow_failed""",
    ),
}


def words(text: str) -> list[str]:
    return [word.strip() for line in text.splitlines() for word in line.split(",") if word.strip()]


@pytest.mark.promise("events.sequence")
@pytest.mark.parametrize("name", ENDING)
@virtually
async def test_events_of_a_run(name: str, room: Room) -> None:
    steps, expected = ENDING[name]
    room.define(*steps)
    run = await room.run()
    await asyncio.sleep(3 * 3600)
    assert room.told(run) == words(expected)
    assert [event.sequence for event in room.events(run)] == list(
        range(1, len(words(expected)) + 1)
    )


@virtually
async def test_events_of_a_decision(room: Room) -> None:
    room.define(ask("q"), now("a", None, "q"))
    run = await room.run()
    assert await room.decide(run) == "completed"
    assert room.told(run) == words(
        """workflow_started, step_started q, decision_requested q, step_suspended q
        workflow_suspended
        signal_received q, decision_resolved q, workflow_resumed
        step_completed q, step_started a, step_completed a, workflow_completed"""
    )


@virtually
async def test_events_of_a_signal_that_is_waited_for(room: Room) -> None:
    room.define(container("wait", "w", {"signal": "go"}))
    run = await room.run()
    assert (await room.signal(run, "data", signal="go", x=1))["status"] == "completed"
    assert room.told(run) == words(
        """workflow_started, step_started w, wait_started w, step_suspended w, workflow_suspended
        signal_received, workflow_resumed, wait_completed w, step_completed w, workflow_completed"""
    )


@virtually
async def test_events_of_a_cancel(room: Room) -> None:
    room.define(work("a", seconds=9), now("b", None, "a"))
    run = await room.run(wait=1)
    assert (await room.signal(run, "cancel"))["status"] == "cancelled"
    assert room.told(run) == words(
        """workflow_started, step_started a
        signal_received, step_skipped a, step_skipped b, workflow_cancelled"""
    )


@pytest.mark.parametrize(
    ("on_timeout", "expected"),
    [
        ("fail", "step_skipped a, workflow_failed"),
        ("suspend", "step_suspended a, workflow_suspended"),
        ("cancel", "step_skipped a, step_skipped b, workflow_cancelled"),
    ],
)
@virtually
async def test_events_of_a_timeout(on_timeout: str, expected: str, room: Room) -> None:
    room.define(work("a", seconds=9), now("b", None, "a"), timeout="1s", on_timeout=on_timeout)
    run = await room.run()
    before = "workflow_started, step_started a, workflow_timed_out"
    assert room.told(run) == words(f"{before}, {expected}")


@virtually
async def test_events_of_a_decision_in_an_iteration(room: Room) -> None:
    body: list[dict[str, Any]] = [ask("q"), now("x")]
    config = {"mode": "for_each", "over": [1, 2], "concurrency": 2, "body": body}
    room.define(container("loop", "l", config))
    run = await room.run()
    assert await room.decide(run, step_id="l.iter_1.q") == "suspended"
    assert await room.decide(run) == "completed"
    assert room.told(run) == words(
        """workflow_started, step_started l
        loop_iter_started l, step_started l.iter_0.q, decision_requested l.iter_0.q, step_suspended l.iter_0.q
        loop_iter_started l, step_started l.iter_1.q, decision_requested l.iter_1.q, step_suspended l.iter_1.q
        step_suspended l, workflow_suspended
        signal_received l.iter_1.q, decision_resolved l.iter_1.q, workflow_resumed
        step_completed l.iter_1.q, step_started l.iter_1.x, step_completed l.iter_1.x, loop_iter_completed l
        step_suspended l, workflow_suspended
        signal_received l.iter_0.q, decision_resolved l.iter_0.q, workflow_resumed
        step_completed l.iter_0.q, step_started l.iter_0.x, step_completed l.iter_0.x, loop_iter_completed l
        loop_completed l, step_completed l, workflow_completed"""
    )


@virtually
async def test_events_of_a_child_that_asks(room: Room) -> None:
    room.define(ask("q"), name="small")
    room.define(child("c", "small"))
    run = await room.run()
    (small,) = room.children(run)
    await room.decide(small)
    await asyncio.sleep(1)
    assert room.told(run) == words(
        """workflow_started, step_started c, variable_set c, step_suspended c, workflow_suspended
        workflow_resumed, step_completed c, workflow_completed"""
    )
