"""What is bounded in a workflow, and actions that crash inside other steps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine_room import Room, container, loop, now, parallel, strategy, virtually, with_settings
from opcode_core import Effect, Params, action
from opcode_core.plugins.registry import Contribution
from opcode_core.settings import Settings


class How(Params):
    how: str


def crash(how: str) -> Any:
    if how == "exit":
        raise SystemExit(3)
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "generator":
        raise GeneratorExit
    if how == "recursion":
        return crash_deep(0)
    if how == "cancel":
        raise asyncio.CancelledError
    return {"set": {1, 2}, "nan": float("nan"), "inf": [float("inf")], "key": {1: 2}, "big": 2**70}[
        how
    ]


def crash_deep(depth: int) -> Any:
    return crash_deep(depth + 1) + 1


@action("crash.now", effect=Effect.PURE)
def crash_now(params: How) -> Any:
    """Crash in place."""
    return crash(params.how)


@action("crash.async", effect=Effect.UNSAFE)
async def crash_async(params: How) -> Any:
    """Crash where it is awaited."""
    return crash(params.how)


HOWS = ("exit", "interrupt", "generator", "recursion", "cancel", "set", "nan", "inf", "key", "big")


@pytest.mark.promise("fail.crash")
@pytest.mark.parametrize("name", ["crash.now", "crash.async"])
@pytest.mark.parametrize("how", HOWS)
@virtually
async def test_whatever_an_action_raises_or_gives_inside_is_a_failed_step(
    how: str, name: str, room: Room
) -> None:
    room.registry.take(Contribution("crash", [crash_now, crash_async]))
    bad = {"id": "x", "action": name, "params": {"how": how}, **strategy("ignore")}
    room.define(
        parallel([loop(bad, now("y", "${{steps.x.error.code}}"), over=[1, 2])], [now("z", 1)])
    )
    run = await room.run()
    state = await room.state(run)
    assert state.status == "completed", state.error
    expected = {"iterations": 2, "results": ["EXECUTION_ERROR"] * 2}
    assert state.output == {"mode": "all", "branches": [expected, 1]}
    assert room.process.engine.running == []


def limited(events: int) -> dict[str, Any]:
    limits = Settings().limits
    return {"limits": type(limits)(**{**_values(limits), "events": events})}


def _values(limits: Any) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in type(limits).__dataclass_fields__}


@pytest.mark.promise("limit.events")
@pytest.mark.parametrize(
    "step",
    [
        loop(now("x", condition="false"), mode="while", condition="true", max_iter=1_000_000),
        loop(
            now("x", failures=9, **strategy("ignore")),
            mode="while",
            condition="true",
            max_iter=1_000_000,
        ),
        now("a", failures=1_000_000, retry={"max": 1_000_000, "backoff": "none"}),
        loop(loop(now("x"), over=list(range(50))), over=list(range(50)), concurrency=3),
    ],
)
@with_settings(**limited(500))
async def test_no_workflow_has_many_more_events_than_it_may(
    step: dict[str, Any], room: Room
) -> None:
    room.define({**step, "id": "a"})
    run = await room.run()
    await asyncio.sleep(1)
    error = (await room.state(run)).error
    assert error is not None
    assert error["code"] == "LIMIT_EXCEEDED"
    assert 500 <= len(room.events(run)) < 520


@with_settings(**limited(20))
async def test_a_workflow_at_its_limit_can_be_cancelled_and_ends(room: Room) -> None:
    config = {"prompt_context": "now what?"}
    steps = [now(f"n{number}", number) for number in range(8)]
    room.define(*steps, container("reasoning", "q", config), now("late", 1, "q"))
    run = await room.run()
    assert (await room.state(run)).status == "suspended"
    assert await room.decide(run) == "failed"
    error = (await room.state(run)).error
    assert error is not None
    assert (error["code"], error["step_id"]) == ("LIMIT_EXCEEDED", "late")
