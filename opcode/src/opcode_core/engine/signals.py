"""Signals: whether one can apply to a workflow, and the events that say it did. A refused one leaves no trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opcode_core.engine.questions import SYSTEM
from opcode_core.engine.signal import Effect, Signal
from opcode_core.engine.workflow import WorkflowRun
from opcode_core.errors import (
    ConflictError,
    LimitExceededError,
    NotFoundError,
    ValidationError,
)
from opcode_core.jsonio import type_name
from opcode_core.model import events
from opcode_core.model.decisions import Decision
from opcode_core.model.state import FINISHED, SETTLED, StepState, WorkflowState
from opcode_core.suggest import did_you_mean, listing

MAX_CHOICE = 10_000
"""How many characters the choice of a decision may have."""


def accept(run: WorkflowRun, signal: Signal) -> Effect:
    """Let a workflow have a signal.

    Raises:
        NotFoundError: There is no such step.
        ConflictError: The signal cannot apply to the workflow or the step as it stands.
        ValidationError: It makes no sense.
        LimitExceededError: Too many signals wait already.
    """
    return _KINDS[signal.kind](run, signal)


def _decision(run: WorkflowRun, signal: Signal) -> Effect:
    state = run.state
    _known_members(signal.payload, ("choice", "data"))
    decision = _decision_for(state, signal.step_id)
    if decision.status != "pending":
        raise ConflictError(_too_late(decision), {"decision": decision.to_json()})
    if decision.timeout_at is not None and decision.timeout_at <= run.now() * 1e6:
        raise ConflictError(f"the time for the decision of step `{decision.step_id}` is over")
    _check_answer(decision, signal)
    answer: dict[str, Any] = {"choice": signal.payload["choice"]}
    if signal.reasoning is not None:
        answer["reasoning"] = signal.reasoning
    if "data" in signal.payload:
        answer["data"] = signal.payload["data"]
    answer["resolved_by"] = signal.agent_id or "unknown"
    step_id = decision.step_id
    run.record(events.SIGNAL_RECEIVED, step_id, signal.payload_of_event(), signal.agent_id)
    payload = {"id": decision.id, "status": "resolved", "answer": answer}
    run.record(events.DECISION_RESOLVED, step_id, payload, signal.agent_id)
    return Effect(_resumed(run, state.status), woken=[step_id])


def _decision_for(state: WorkflowState, step_id: str | None) -> Decision:
    if step_id is not None:
        decision = state.decision_of(step_id)
        if decision is None:
            _step_of(state, step_id)
            raise ConflictError(f"step `{step_id}` asks for no decision")
        return decision
    pending = list(state.pending_decisions())
    if len(pending) == 1:
        return pending[0]
    if pending:
        names = listing(decision.step_id for decision in pending)
        raise ValidationError(f"several decisions are pending: say with `step_id` which of {names}")
    if state.decisions:
        return list(state.decisions.values())[-1]  # whoever comes late is told what became of it
    raise ConflictError(f"workflow {state.workflow_id} asks for no decision")


def _too_late(decision: Decision) -> str:
    answer = decision.answer
    if answer is not None:
        return (
            f"step `{decision.step_id}` has its decision: `{answer['resolved_by']}` chose "
            f"`{answer['choice'][:200]}`"
        )
    if decision.status == "expired":
        return (
            f"the time for the decision of step `{decision.step_id}` is over, and the step failed"
        )
    return f"the decision of step `{decision.step_id}` is not needed any more"


def _check_answer(decision: Decision, signal: Signal) -> None:
    choice = signal.payload.get("choice")
    if not isinstance(choice, str) or not choice:
        found = "an empty text" if choice == "" else type_name(choice)
        raise ValidationError(f"payload.choice is {found}: it must be the text of the choice")
    if len(choice) > MAX_CHOICE:
        raise ValidationError(
            f"payload.choice has {len(choice)} characters: at most {MAX_CHOICE}; put more into payload.data"
        )
    options = [option["id"] for option in decision.options]
    if options and choice not in options:
        raise ValidationError(
            f"payload.choice is none of the options: {listing(options)}{did_you_mean(choice, options)}"
        )
    if decision.target_agent is not None and signal.agent_id != decision.target_agent:
        raise ValidationError(
            f"only `{decision.target_agent}` may decide this: `agent_id` must say so"
        )
    if signal.agent_id == SYSTEM:
        raise ValidationError(f"`{SYSTEM}` is what decides when time is over: use another agent_id")


def _data(run: WorkflowRun, signal: Signal) -> Effect:
    state = run.state
    _unfinished(state)
    name = signal.payload.get("signal")
    if name is not None and (not isinstance(name, str) or not name):
        raise ValidationError("payload.signal is the name of a signal: a text that is not empty")
    step_id = signal.step_id
    waiting = _waiting_steps(state)
    if step_id is not None:
        _may_still_wait(run, step_id)
    elif name is None and len(waiting) == 1:
        step_id = next(iter(waiting))
    most = run.limits.waiting_signals
    if (step_id is not None or name is not None) and len(state.inbox) >= most:
        raise LimitExceededError(f"{most} signals wait already for steps of this workflow")
    run.record(events.SIGNAL_RECEIVED, step_id, signal.payload_of_event(), signal.agent_id)
    woken = [
        one for one, wanted in waiting.items() if one == step_id or (not step_id and wanted == name)
    ]
    return Effect(bool(woken) and _resumed(run, state.status), woken=woken)


def _waiting_steps(state: WorkflowState) -> dict[str, str]:
    """The steps that wait for a signal, with its name."""
    found = {}
    for step_id, step in state.steps.items():
        if step.status == "suspended" and step.waits_for == "signal":
            names = [name for name in step.records or () if name.startswith("signal ")]
            found[step_id] = names[-1].removeprefix("signal ") if names else ""
    return found


def _may_still_wait(run: WorkflowRun, step_id: str) -> None:
    """Whether a step waits for a signal or may come to it."""
    step = run.state.steps.get(step_id)
    if step is None:
        head = step_id.partition(".")[0]
        if head not in run.plan.steps.steps:
            raise NotFoundError(
                f"there is no step `{step_id}`{did_you_mean(step_id, run.plan.steps.steps)}"
            )
    elif step.status in SETTLED:
        raise ConflictError(f"step `{step_id}` is {step.status}: it waits for nothing any more")


def _retry(run: WorkflowRun, signal: Signal) -> Effect:
    state = run.state
    _known_members(signal.payload, ("params",))
    if state.status not in ("failed", "suspended"):
        raise ConflictError(
            f"workflow {state.workflow_id} is {state.status}: `retry` is for one that failed or is suspended"
        )
    params = signal.payload.get("params")
    if params is not None and not isinstance(params, Mapping):
        raise ValidationError(f"payload.params is {type_name(params)}: it must be an object")
    step_id = signal.step_id
    if step_id is None and not (state.status == "suspended" and state.timed_out):
        failed = [one for one, step in state.steps.items() if _can_retry(step)]
        names = f": one of {listing(failed)}" if failed else ""
        raise ValidationError(f"say with `step_id` which step is to be tried again{names}")
    if step_id is not None:
        step = _step_of(state, step_id)
        if not _can_retry(step):
            raise ConflictError(
                f"step `{step_id}` is {step.status}: only a failed or an interrupted one can be tried again"
            )
        _still_matters(state, step_id)
        if params is not None and not _takes_params(run, step_id):
            raise ValidationError(f"step `{step_id}` runs no action: it has no params to replace")
    before = state.status
    abandoned = [] if step_id is None else _unfinished_children(state, step_id)
    run.record(events.SIGNAL_RECEIVED, step_id, signal.payload_of_event(), signal.agent_id)
    withdrawn = [] if step_id is None else [step_id]
    return Effect(_resumed(run, before), withdrawn=withdrawn, abandoned=abandoned)


def _unfinished_children(state: WorkflowState, step_id: str) -> list[str]:
    """The workflows that a step, or one inside it that has not settled, started."""
    return [
        state.children[one]
        for one in [step_id, *state.nested_in(step_id)]
        if one in state.children and state.steps[one].status not in SETTLED
    ]


def _can_retry(step: StepState) -> bool:
    if step.status == "failed":
        return not step.handled
    return step.status == "suspended" and step.waits_for in ("interrupted", "timeout")


def _takes_params(run: WorkflowRun, step_id: str) -> bool:
    planned = run.plan.steps.steps.get(step_id)
    return planned is None or planned.action is not None


def _skip(run: WorkflowRun, signal: Signal) -> Effect:
    state = run.state
    _known_members(signal.payload, ())
    if signal.step_id is None:
        raise ValidationError("say with `step_id` which step is to be skipped")
    if state.status in ("completed", "cancelled"):
        _unfinished(state)
    step_id = signal.step_id
    step = _step_of(state, step_id)
    if not ((step.status == "failed" and not step.handled) or step.status == "suspended"):
        raise ConflictError(
            f"step `{step_id}` is {step.status}: only a failed, suspended or interrupted one can be skipped"
        )
    _still_matters(state, step_id)
    before = state.status
    if step.status == "failed" and before == "active":
        raise ConflictError(
            f"step `{step_id}` is failed, but the workflow is not yet: what runs beside it ends first"
        )
    run.record(events.SIGNAL_RECEIVED, step_id, signal.payload_of_event(), signal.agent_id)
    abandoned = _unfinished_children(state, step_id)
    for one in [*state.nested_in(step_id), step_id]:
        if one == step_id or state.steps[one].status not in SETTLED:
            run.record(events.STEP_SKIPPED, one, {"reason": "skipped by a signal"})
    return Effect(_resumed(run, before), withdrawn=[step_id], abandoned=abandoned)


def _still_matters(state: WorkflowState, step_id: str) -> None:
    """A step inside one that is over cannot go on: nothing would come of it."""
    for outer in state.around(step_id):
        if state.steps[outer].passed:
            raise ConflictError(
                f"step `{outer}` around step `{step_id}` is over ({state.steps[outer].status})"
            )


def _context(run: WorkflowRun, signal: Signal) -> Effect:
    _unfinished(run.state)
    payload = {"context": signal.payload["values"], "by": signal.payload["by"]}
    run.record(events.VARIABLE_SET, None, payload)
    return Effect(goes_on=False)


def _resumed(run: WorkflowRun, before: str) -> bool:
    """Let a workflow go on that was suspended or had failed before; one that is out of time stays suspended."""
    if before == "suspended" and run.state.timed_out:
        return False
    if before != "active":
        run.record(events.WORKFLOW_RESUMED)
    return True


def _unfinished(state: WorkflowState) -> None:
    if state.status in FINISHED:
        raise ConflictError(
            f"workflow {state.workflow_id} is {state.status}: no such signal can change it any more"
        )


def _step_of(state: WorkflowState, step_id: str) -> StepState:
    step = state.steps.get(step_id)
    if step is None:
        raise NotFoundError(
            f"workflow {state.workflow_id} has come to no step `{step_id}`{did_you_mean(step_id, state.steps)}"
        )
    return step


def _known_members(payload: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in payload:
        if name not in known:
            raise ValidationError(
                f"there is no payload.{name} in such a signal{did_you_mean(name, known)}"
            )


_KINDS: dict[str, Callable[[WorkflowRun, Signal], Effect]] = {
    "decision": _decision,
    "data": _data,
    "retry": _retry,
    "skip": _skip,
    "context": _context,
}
