"""Decisions: asked once, answered once, by whom they are meant for, and by themselves when their time is over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine_room import (
    HOUR,
    Room,
    ask,
    now,
    refused,
    side_by_side,
    virtually,
)
from opcode_core.errors import (
    ConflictError,
    NotFoundError,
    ValidationError,
)
from opcode_core.model.requests import SignalRequest

OPTIONS = {"options": [{"id": "yes"}, {"id": "no"}]}


@virtually
async def test_a_decision_is_made_once_however_many_try(room: Room) -> None:
    room.define(ask("q"))
    run = await room.run()
    choices = [f"choice {number}" for number in range(8)]
    answers = await side_by_side(*(room.decide(run, choice) for choice in choices))
    refusals = [one for one in answers if isinstance(one, ConflictError)]
    assert (answers.count("completed"), len(refusals)) == (1, 7)
    winner = choices[answers.index("completed")]
    assert all("you" in one.message and winner in one.message for one in refusals)
    assert (await room.state(run)).output == {"choice": winner, "resolved_by": "you"}
    assert room.told(run).count("decision_resolved q") == 1
    assert room.told(run).count("workflow_resumed") == 1
    late = await refused(room, run, "decision", "q", choice="other")
    assert isinstance(late, ConflictError)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({}, "missing"),
        ({"choice": ""}, "empty text"),
        ({"choice": 1}, "integer"),
        ({"choice": "maybe"}, "none of the options"),
        ({"choice": "yess"}, "did you mean `yes`"),
        ({"choice": "x" * 10_001}, "10001 characters"),
        ({"choice": "yes", "reason": "no such member"}, "payload.reason"),
    ],
)
@virtually
async def test_an_answer_that_makes_no_sense_is_refused(
    payload: dict[str, Any], said: str, room: Room
) -> None:
    room.define(ask("q", **OPTIONS))
    run = await room.run()
    error = await refused(room, run, "decision", **payload)
    assert isinstance(error, ValidationError)
    assert said in error.message or said == "missing"
    assert await room.decide(run) == "completed"


@virtually
async def test_reasoning_and_data_of_an_answer_are_in_the_output(room: Room) -> None:
    room.define(ask("q", **OPTIONS))
    run = await room.run()
    payload = {"choice": "no", "data": {"why": [1]}}
    request = SignalRequest(run, "decision", payload, None, "ann", "because", wait_ms=1000)
    assert (await room.service.signal(request))["status"] == "completed"
    expected = {"choice": "no", "reasoning": "because", "data": {"why": [1]}, "resolved_by": "ann"}
    assert (await room.state(run)).output == expected


@virtually
async def test_only_the_target_agent_decides(room: Room) -> None:
    room.define(ask("q", target_agent="boss"))
    run = await room.run()
    assert isinstance(await refused(room, run, "decision", choice="yes"), ValidationError)
    request = SignalRequest(run, "decision", {"choice": "yes"}, None, "boss", wait_ms=1000)
    assert (await room.service.signal(request))["status"] == "completed"


@virtually
async def test_with_several_decisions_the_step_must_be_named(room: Room) -> None:
    room.define(ask("q"), ask("r"), now("s"))
    run = await room.run()
    error = await refused(room, run, "decision", choice="yes")
    assert isinstance(error, ValidationError)
    assert "q" in error.message
    assert "r" in error.message
    assert isinstance(await refused(room, run, "decision", "s", choice="yes"), ConflictError)
    assert isinstance(await refused(room, run, "decision", "t", choice="yes"), NotFoundError)
    assert await room.decide(run, step_id="q") == "suspended"
    assert await room.decide(run) == "completed"


@virtually
async def test_a_deadline_decides_by_itself(room: Room) -> None:
    room.define(ask("q", timeout="1h", fallback="no", **OPTIONS))
    run = await room.run()
    await asyncio.sleep(2 * HOUR)
    assert (await room.state(run)).output == {"choice": "no", "resolved_by": "system"}
    assert room.told(run).count("decision_resolved q") == 1
    late = await refused(room, run, "decision", "q", choice="yes")
    assert "`system` chose `no`" in late.message


@virtually
async def test_a_deadline_that_passed_while_nothing_ran_decides_at_the_start(room: Room) -> None:
    room.define(ask("q", timeout="1h"))
    run = await room.run()
    await room.process.crash()
    await asyncio.sleep(2 * HOUR)
    await room.crash()
    await asyncio.sleep(1)
    state = await room.state(run)
    assert state.status == "failed"
    assert state.error is not None
    assert (state.error["code"], state.error["step_id"]) == ("TIMEOUT_ERROR", "q")


@pytest.mark.parametrize("early", [0.0, 1e-6, -1e-6, 0.01, -0.01])
@virtually
async def test_an_answer_at_the_very_instant_of_the_deadline(early: float, room: Room) -> None:
    room.define(ask("q", timeout="10s", fallback="no", **OPTIONS))
    run = await room.run(wait=0)
    due = (await room.state(run)).created_at / 1e6 + 10
    await asyncio.sleep(due - early - asyncio.get_running_loop().time())
    answers = await side_by_side(room.decide(run), asyncio.sleep(5))
    assert room.told(run).count("decision_resolved q") == 1
    output = (await room.state(run)).output
    if answers[0] == "completed":
        assert output == {"choice": "yes", "resolved_by": "you"}
    else:
        assert isinstance(answers[0], ConflictError)
        assert output == {"choice": "no", "resolved_by": "system"}
