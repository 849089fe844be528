"""Conditions, loops, parallel branches and races: what they give, and how what is inside them ends."""

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
    loop,
    now,
    virtually,
    work,
)


async def output(room: Room, *steps: Step, **more: Any) -> Any:
    room.define(*steps, **more)
    run = await room.run()
    await asyncio.sleep(HOUR)
    state = await room.state(run)
    assert state.status == "completed", state.error
    return state.output


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("true", {"branch": "true", "output": 1}),
        ("2.0", {"branch": "2", "output": 2}),
        ("null", {"branch": "null", "output": 3}),
        ("'a'", {"branch": "a", "output": 4}),
        ("false", {"branch": "false", "skipped": True}),
    ],
)
@virtually
async def test_a_condition_takes_the_branch_its_value_names(
    expression: str, expected: dict[str, Any], room: Room
) -> None:
    branches = {
        "true": [now("x", 1)],
        "2": [now("x", 2)],
        "null": [now("x", 3)],
        "a": [now("x", 4)],
    }
    step = container("condition", "c", {"expression": expression, "branches": branches})
    assert await output(room, step) == expected


@virtually
async def test_a_condition_takes_its_default_and_names_no_branch_by_a_list(room: Room) -> None:
    config = {"branches": {"a": [now("x")]}, "default": [now("x", 5)]}
    room.define(container("condition", "c", {"expression": "[1]", **config}), name="list")
    run = await room.run("list")
    assert (await room.state(run)).status == "failed"
    step = container("condition", "c", {"expression": "'b'", **config})
    assert await output(room, step) == {"branch": "default", "output": 5}


@pytest.mark.parametrize("at_once", [1, 2, 5])
@virtually
async def test_results_of_a_loop_are_in_the_order_of_its_items(at_once: int, room: Room) -> None:
    body = [
        work("x", "${{loop.item}}", seconds=1),
        now("y", ["${{loop.index}}", "${{steps.x.output}}"]),
    ]
    given = await output(room, loop(*body, over=[3, 1, 2], concurrency=at_once))
    assert given == {"iterations": 3, "results": [[0, 3], [1, 1], [2, 2]]}


@virtually
async def test_no_more_iterations_at_once_than_said(room: Room) -> None:
    room.define(loop(work("x", seconds=10), over=list(range(6)), concurrency=2))
    run = await room.run(wait=5)
    assert room.outside.running[run] == 2
    await asyncio.sleep(HOUR)
    events = room.events(run)
    assert events[-1].timestamp - events[0].timestamp == pytest.approx(30e6, abs=1e6)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"mode": "while", "condition": "iter.index < 3"}, {"iterations": 3, "results": [0, 1, 2]}),
        ({"mode": "while", "condition": "false"}, {"iterations": 0, "results": []}),
        ({"mode": "until", "condition": "iter.last == 2"}, {"iterations": 3, "results": [0, 1, 2]}),
        ({"mode": "until", "condition": "true"}, {"iterations": 1, "results": [0]}),
        (
            {"mode": "while", "condition": "true", "max_iter": 2},
            {"iterations": 2, "results": [0, 1], "truncated": True},
        ),
        (
            {"mode": "for_each", "over": [5, 6, 7], "max_iter": 2},
            {"iterations": 2, "results": [0, 1], "truncated": True},
        ),
        ({"mode": "for_each", "over": []}, {"iterations": 0, "results": []}),
    ],
)
@virtually
async def test_a_loop_runs_as_often_as_it_says(
    config: dict[str, Any], expected: dict[str, Any], room: Room
) -> None:
    given = await output(room, loop(now("x", "${{loop.index}}"), **config))
    assert given == expected


@virtually
async def test_a_loop_without_a_cap_stops_at_a_thousand(room: Room) -> None:
    given = await output(room, loop(now("x"), mode="while", condition="true"))
    assert (given["iterations"], given["truncated"]) == (1000, True)


@virtually
async def test_items_are_frozen_at_the_start(room: Room) -> None:
    change = {
        "id": "u",
        "action": "workflow.context",
        "params": {"action": "update", "data": {"items": []}},
    }
    given = await output(room, loop(change, over="${{context.items}}"), context={"items": [1, 2]})
    assert given["iterations"] == 2


@pytest.mark.parametrize("at_once", [1, 3])
@virtually
async def test_an_iteration_that_asks_waits_alone(at_once: int, room: Room) -> None:
    body = [work("x", "${{loop.item}}", effect="unsafe"), ask("q"), now("y", "${{steps.q.choice}}")]
    room.define(loop(*body, over=["a", "b", "c"], concurrency=at_once))
    run = await room.run()
    for index in reversed(range(3)) if at_once == 3 else range(3):
        await room.crash()
        await room.decide(run, f"answer {index}", f"l.iter_{index}.q")
    state = await room.state(run)
    assert state.output == {"iterations": 3, "results": [f"answer {index}" for index in range(3)]}
    assert set(room.outside.calls.values()) == {1}


@virtually
async def test_a_body_that_fails_half_way_leaves_later_iterations_alone(room: Room) -> None:
    room.define(loop(now("x"), now("y", failures=9), now("z"), over=[1, 2]), now("after", 1, "l"))
    run = await room.run()
    assert await room.statuses(run) == {
        "l": "failed",
        "l.iter_0.x": "completed",
        "l.iter_0.y": "failed",
    }
    error = (await room.state(run)).error
    assert error is not None
    assert error["step_id"] == "l.iter_0.y"


@virtually
async def test_what_a_negative_wait_says(room: Room) -> None:
    room.define(container("wait", "w", {"duration": "${{inputs.d}}"}), inputs={"d": "-5s"})
    run = await room.run()
    error = (await room.state(run)).error
    assert error is not None
    assert error["code"] == "VALIDATION_ERROR"
