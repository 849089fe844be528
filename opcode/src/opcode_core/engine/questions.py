"""Decisions as a step sees them: asked once, waited for, and made by the system when their time is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from opcode_core.durations import format_duration
from opcode_core.engine.waiting import SCOPE, Stopped
from opcode_core.engine.world import World
from opcode_core.errors import StepTimeoutError
from opcode_core.model import events
from opcode_core.model.decisions import Decision
from opcode_core.moments import iso_time, to_micros
from opcode_core.step_context import Question

SYSTEM = "system"
"""Who has decided when nobody did in time."""


async def decide(
    world: World, step_id: str, ask: Callable[[], Awaitable[Question]]
) -> dict[str, Any]:
    """Ask for a decision, unless that was done before, and wait for the answer.

    Raises:
        StepTimeoutError: Nobody answered in time, and there is no fallback.
    """
    state = world.run.state
    decision = state.decision_of(step_id)
    if decision is None or decision.status == "cancelled":
        if SCOPE.get().stopped:
            raise Stopped
        decision = _request(world, step_id, await ask())
    while decision.status == "pending":
        due = None if decision.timeout_at is None else decision.timeout_at / 1e6
        if due is not None and world.runtime.now() >= due:
            _expire(world, step_id, decision)
            break
        if state.steps[step_id].status != "suspended":
            world.run.record(events.STEP_SUSPENDED, step_id, {"reason": "decision"})
        await world.waits.wait(step_id, "outside", due)
    if decision.answer is None:
        took = ((decision.timeout_at or 0) - decision.created_at) / 1e6
        raise StepTimeoutError(
            f"nobody decided within {format_duration(took)}, and there is no fallback"
        )
    return decision.answer


def _request(world: World, step_id: str, question: Question) -> Decision:
    state = world.run.state
    payload: dict[str, Any] = {
        "id": f"{state.workflow_id}.{state.sequence + 1}",
        "context": {"prompt": question.prompt, "data": question.data},
        "options": [dict(option) for option in question.options],
    }
    if question.timeout is not None:
        payload["timeout_at"] = iso_time(to_micros(world.runtime.now() + question.timeout))
    if question.fallback is not None:
        payload["fallback"] = question.fallback
    if question.target_agent is not None:
        payload["target_agent"] = question.target_agent
    world.run.record(events.DECISION_REQUESTED, step_id, payload)
    return state.decisions[payload["id"]]


def _expire(world: World, step_id: str, decision: Decision) -> None:
    """Let the system decide: the fallback, or that there is no decision."""
    payload: dict[str, Any] = {"id": decision.id, "status": "expired"}
    if decision.fallback is not None:
        payload["status"] = "resolved"
        payload["answer"] = {"choice": decision.fallback, "resolved_by": SYSTEM}
    world.run.record(events.DECISION_RESOLVED, step_id, payload)
