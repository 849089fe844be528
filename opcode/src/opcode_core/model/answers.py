"""What agents are answered about a workflow, with what is too large to show cut and marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from opcode_core.actions import Effect
from opcode_core.jsonio import write_json
from opcode_core.model.decisions import Decision
from opcode_core.model.definition import Plan, PlannedStep, StepList, TemplateVersion
from opcode_core.model.state import StepState, WorkflowState
from opcode_core.moments import iso_time

LARGE_BYTES = 64 << 10
"""A value whose JSON is larger is cut in answers; references read all of it."""
_PREVIEW = 1000
_PENDING = StepState()
_EFFECTS = (Effect.PURE, Effect.IDEMPOTENT, Effect.UNSAFE)


def cut(value: Any, size: int) -> Any:
    """A value as an answer shows it.

    Args:
        value: Any JSON.
        size: At least how many bytes its JSON has; it is measured only when that is large.
    """
    if size <= LARGE_BYTES:
        return value
    text = write_json(value)
    if len(text) <= LARGE_BYTES:
        return value
    preview = value if isinstance(value, str) else text[: _PREVIEW * 4].decode("utf-8", "ignore")
    return {"truncated": True, "bytes": len(text), "preview": preview[:_PREVIEW]}


def cut_error(error: dict[str, Any]) -> dict[str, Any]:
    """An error as an answer shows it: details that are too large are cut."""
    if "details" not in error:
        return error
    return {**error, "details": cut(error["details"], LARGE_BYTES + 1)}


def workflow_answer(
    state: WorkflowState, step_ids: Iterable[str], *, whole: bool = False
) -> dict[str, Any]:
    """A workflow as `run` and `status` answer it.

    Args:
        state: The workflow.
        step_ids: The steps of its definition; those it never reached are shown as pending.
        whole: Whether outputs are shown whole, however large.
    """
    answer: dict[str, Any] = {"workflow_id": state.workflow_id, "status": state.status}
    if state.status == "completed":
        answer["output"] = state.output if whole else cut(state.output, state.output_size)
    if state.error is not None:
        answer["error"] = cut_error(state.error)
    answer["started_at"] = iso_time(state.created_at)
    if state.completed_at is not None:
        answer["completed_at"] = iso_time(state.completed_at)
    states = state.steps
    steps = {
        step_id: _step(step_id, states.get(step_id, _PENDING), whole=whole) for step_id in step_ids
    }
    for step_id, step in states.items():
        if step_id not in steps:
            steps[step_id] = _step(step_id, step, whole=whole)
    answer["steps"] = steps
    pending = [_decision(decision, whole=whole) for decision in state.pending_decisions()]
    if pending:
        answer["pending_decisions"] = pending
    return answer


def _decision(decision: Decision, *, whole: bool) -> dict[str, Any]:
    shown = decision.to_json()
    return shown if whole else {**shown, "context": cut(shown["context"], LARGE_BYTES + 1)}


def _step(step_id: str, state: StepState, *, whole: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"step_id": step_id, "status": state.status}
    if state.output is not None or state.status == "completed":
        shown["output"] = state.output if whole else cut(state.output, state.size)
    if state.error is not None:
        shown["error"] = cut_error(state.error)
    if state.started_at is not None:
        if state.ended_at is not None:
            shown["duration_ms"] = (state.ended_at - state.started_at) / 1000
        shown["attempts"] = state.attempts
    return shown


def with_nested(step: PlannedStep) -> Iterator[PlannedStep]:
    """A step, and all steps inside it at any depth."""
    yield step
    for steps in step.type.nested:
        if isinstance(steps, StepList):
            for inner in steps.steps.values():
                yield from with_nested(inner)


def _different(touches: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for touch in touches:
        if touch not in found:
            found.append(touch)
    return found


def plan_answer(template: TemplateVersion, plan: Plan) -> dict[str, Any]:
    """What a run would do: `{template_name, version, levels, steps}`.

    A step with others inside has the strongest of their effects, and touches what they do.
    """
    lists = [one for one in (plan.steps, plan.on_complete, plan.on_error) if one is not None]
    steps = {}
    for step in (step for one in lists for step in one.steps.values()):
        shown: dict[str, Any] = {"type": step.type_name}
        if step.action is not None:
            shown["action"] = step.action
        inside = list(with_nested(step))
        shown["effect"] = max((one.type.effect for one in inside), key=_EFFECTS.index).value
        shown["touches"] = _different(touch for one in inside for touch in one.type.touches())
        steps[step.id] = shown
    levels = [[step.id for step in level] for level in plan.steps.levels]
    return {
        "template_name": template.name,
        "version": template.version,
        "levels": levels,
        "steps": steps,
    }
