"""A step type of somebody else: it nests steps, waits and asks, and suspends and resumes like the built-in ones."""

from __future__ import annotations

import asyncio
from typing import Any

from engine_room import HOUR, Room, Step, ask, container, now, virtually, work
from opcode_core import Field, NestedSteps, Question, StepContext, StepSource, StepType
from opcode_core.plugins.registry import Contribution


class Throttle(StepType):
    """Runs a list of steps several times with pauses between, and asks once whether to go on."""

    name = "throttle"

    def __init__(self, source: StepSource) -> None:
        config = source.members(
            {
                "times": Field("integer", required=True, least=1),
                "pause": Field("duration", required=True),
                "ask_after": Field("integer", least=1),
                "body": Field("array", required=True),
            },
            "config",
        )
        self._times: int = config.get("times", 1)
        self._pause: float = config.get("pause", 0.0)
        self._ask_after: int | None = config.get("ask_after")
        self._body: NestedSteps | None = source.steps(config.get("body"), "config", "body")

    async def execute(self, step: StepContext) -> Any:
        assert self._body is not None
        results: list[Any] = []
        for turn in range(self._times):
            if turn:
                await step.sleep(self._pause, f"pause {turn}")
            if turn == self._ask_after and (await step.decide(_question))["choice"] == "stop":
                break
            results.append(await step.run_nested(self._body, f"turn_{turn}"))
        return results


async def _question() -> Question:
    return Question("go on?", options=[{"id": "go"}, {"id": "stop"}])


def throttle(*body: Step, **config: Any) -> Step:
    return container("throttle", "t", {"times": 3, "pause": "1h", "body": list(body), **config})


def bring(room: Room) -> None:
    room.registry.take(Contribution("throttle", step_types=[Throttle]))


@virtually
async def test_it_nests_waits_and_asks(room: Room) -> None:
    bring(room)
    room.define(throttle(work("x", 1, seconds=1), now("y", "${{steps.x.output}}"), ask_after=2))
    run = await room.run()
    await asyncio.sleep(3 * HOUR)
    state = await room.state(run)
    assert state.status == "suspended"
    assert state.steps["t"].status == "suspended"
    assert room.process.engine.running == []
    assert await room.decide(run, "go") == "completed"
    assert (await room.state(run)).output == [1, 1, 1]
    assert (await room.state(run)).steps["t.turn_1.y"].output == 1
    assert room.outside.calls[run, "t.turn_0.x", "pure"] == 1


@virtually
async def test_a_crash_neither_begins_a_pause_anew_nor_runs_a_turn_twice(room: Room) -> None:
    bring(room)
    room.define(throttle(work("x", 1, effect="unsafe"), ask_after=2))
    run = await room.run()
    await asyncio.sleep(0.5 * HOUR)
    await room.crash()
    await asyncio.sleep(0.6 * HOUR)
    assert set(await room.statuses(run)) == {"t", "t.turn_0.x", "t.turn_1.x"}
    await asyncio.sleep(HOUR)
    await room.crash()
    assert await room.decide(run, "stop") == "completed"
    assert (await room.state(run)).output == [1, 1]
    calls = [room.outside.calls[run, f"t.turn_{turn}.x", "unsafe"] for turn in range(3)]
    assert calls == [1, 1, 0]


@virtually
async def test_what_waits_inside_it_waits_like_anywhere(room: Room) -> None:
    bring(room)
    room.define(throttle(ask("q"), times=2, pause="0s"))
    run = await room.run()
    assert await room.decide(run, step_id="t.turn_0.q") == "suspended"
    await room.crash()
    assert await room.decide(run, "no") == "completed"
    assert [one["choice"] for one in (await room.state(run)).output] == ["yes", "no"]


@virtually
async def test_cancel_and_skip_end_what_is_inside(room: Room) -> None:
    bring(room)
    room.define(throttle(now("x"), ask_after=1), work("beside", seconds=9 * HOUR))
    first, second = await room.run(wait=0), await room.run(wait=0)
    await asyncio.sleep(2 * HOUR)
    assert (await room.statuses(first))["t"] == "suspended"
    await room.signal(first, "skip", "t")
    await room.signal(second, "cancel")
    await asyncio.sleep(9 * HOUR)
    assert (await room.state(first)).status == "completed"
    assert await room.statuses(first) == {
        "t": "skipped",
        "beside": "completed",
        "t.turn_0.x": "completed",
    }
    assert (await room.state(second)).status == "cancelled"
    assert not list((await room.state(first)).pending_decisions())


@virtually
async def test_its_own_mistakes_are_problems_of_the_definition(room: Room) -> None:
    bring(room)
    step = throttle(now("x", surprise=1), times=0)
    found = {one.path: one.code for one in await room.service.diagnose({"steps": [step]})}
    assert found == {
        "/steps/0/config/times": "INVALID_VALUE",
        "/steps/0/config/body/0/surprise": "UNKNOWN_FIELD",
    }
