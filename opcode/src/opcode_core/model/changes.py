"""What each event changes in the state of its workflow; called by `WorkflowState.apply` only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from opcode_core.model import events
from opcode_core.model.decisions import Decision
from opcode_core.model.events import Event
from opcode_core.model.reopening import forget, run, signal_received
from opcode_core.moments import parse_time

if TYPE_CHECKING:
    from opcode_core.model.state import StepState, WorkflowState


def _workflow_started(state: WorkflowState, event: Event) -> None:
    payload = event.payload
    state.status = "active"
    state.template_name = payload["template_name"]
    state.template_version = payload["template_version"]
    state.agent_id = event.agent_id or ""
    state.idempotency_key = payload.get("idempotency_key")
    state.working_directory = payload["working_directory"]
    state.inputs = payload["inputs"]
    state.input_sources = {
        name: frozenset(sources) for name, sources in payload.get("input_sources", {}).items()
    }
    state.context = payload["context"]
    parent = payload.get("parent")
    if parent is not None:
        state.parent = (parent["workflow_id"], parent["step_id"])
        state.depth = parent["depth"]
    state.hooks = tuple(payload.get("hooks", ()))
    state.created_at = state.allowance_from = event.timestamp


def _workflow_completed(state: WorkflowState, event: Event) -> None:
    state.output = event.payload["output"]
    state.output_size = event.size
    _finish(state, "completed", event)


def _workflow_failed(state: WorkflowState, event: Event) -> None:
    state.error = event.payload["error"]
    _finish(state, "failed", event)


def _workflow_cancelled(state: WorkflowState, event: Event) -> None:
    _finish(state, "cancelled", event)


def _finish(state: WorkflowState, status: str, event: Event) -> None:
    state.status = status
    state.completed_at = event.timestamp
    for decision in list(state.pending_decisions()):
        state.close_decision(decision, "cancelled", event.timestamp)


def _workflow_suspended(state: WorkflowState, event: Event) -> None:
    state.status = "suspended"
    state.suspended_at = event.timestamp


def _workflow_resumed(state: WorkflowState, event: Event) -> None:
    """What waited for others inside it runs again; what waits for somebody outside still does."""
    if state.suspended_at is not None:
        state.suspended_micros += event.timestamp - state.suspended_at
    state.status = "active"
    state.suspended_at = None
    for step in state.steps.values():
        if step.status == "suspended" and step.waits_for == "nested":
            run(step)


def _workflow_timed_out(state: WorkflowState, event: Event) -> None:  # noqa: ARG001 - all changes are called the same way
    state.timed_out = True


def _workflow_interrupted(state: WorkflowState, event: Event) -> None:
    for step_id in event.payload["steps"]:
        state.step(step_id).recoveries += 1


def _step_started(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    run(step)
    state.children.pop(
        event.step_id or "", None
    )  # it was cancelled when the workflow was out of time
    step.attempts = 1
    step.started_at = step.attempt_at = event.timestamp
    _note_deadline(step, event)
    step.error = None


def _note_deadline(step: StepState, event: Event) -> None:
    until = (event.payload or {}).get("until")
    step.deadline = None if until is None else parse_time(until)


def _step_suspended(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    step.status = "suspended"
    step.waits_for = event.payload["reason"]
    if step.waits_for in ("timeout", "interrupted"):
        step.deadline = None  # the attempt is over
    step.error = event.payload.get("error", step.error)
    step.changed()


def _step_retrying(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    run(step)
    step.due = step.deadline = None
    for one in [event.step_id or "", *state.nested_in(event.step_id or "")]:
        state.withdraw_decision(one, event.timestamp)
    step.retry_at = event.timestamp + event.payload["delay_ms"] * 1000
    step.attempts = event.payload["attempt"]


def _step_retry_attempt(state: WorkflowState, event: Event) -> None:
    """An attempt begins from nothing: what the one before recorded, asked and had nested in it is gone."""
    step_id = event.step_id or ""
    step = state.step(step_id)
    forget(state, step_id, event.timestamp)
    step.attempts = event.payload["attempt"]
    step.attempt_at = event.timestamp
    _note_deadline(step, event)
    step.recoveries = 0
    run(step)


def _step_completed(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    step.output = event.payload["output"]
    step.error = None
    step.size = event.size
    _settle(step, "completed", event)


def _settle(step: StepState, status: str, event: Event) -> None:
    step.status = status
    step.ended_at = event.timestamp
    step.waits_for = None
    step.due = step.deadline = None
    step.retry_at = None
    step.changed()


def _step_fallback(state: WorkflowState, event: Event) -> None:
    """The fallback of a failed step has completed: its output is the failed step's too."""
    spare = state.step(event.payload["fallback_step"])
    step = state.step(event.step_id or "")
    step.output = spare.output
    step.size = spare.size
    step.handled = True
    step.changed()


def _step_failed(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    step.error = event.payload["error"]
    step.final = event.payload.get("final", False)
    state.withdraw_decision(event.step_id or "", event.timestamp)
    _settle(step, "failed", event)


def _step_skipped(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    state.withdraw_decision(event.step_id or "", event.timestamp)
    _settle(step, "skipped", event)


def _step_ignored(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    state.withdraw_decision(event.step_id or "", event.timestamp)
    step.error = event.payload["error"]
    step.output = {"ignored": True, "error": step.error}
    step.size = event.size
    _settle(step, "skipped", event)


def _decision_requested(state: WorkflowState, event: Event) -> None:
    step_id, payload = event.step_id or "", event.payload
    decision = Decision(
        id=payload["id"],
        workflow_id=state.workflow_id,
        step_id=step_id,
        context=payload["context"],
        options=payload["options"],
        timeout_at=parse_time(payload["timeout_at"]) if "timeout_at" in payload else None,
        fallback=payload.get("fallback"),
        target_agent=payload.get("target_agent"),
        created_at=event.timestamp,
    )
    state.decisions[decision.id] = decision
    state.touched.append(decision)
    state.step(step_id).decision = decision.id


def _decision_resolved(state: WorkflowState, event: Event) -> None:
    payload = event.payload
    decision = state.decisions[payload["id"]]
    state.close_decision(decision, payload["status"], event.timestamp, payload.get("answer"))
    run(state.step(event.step_id or ""))


def _recorded(state: WorkflowState, event: Event) -> None:
    """What a step keeps for the rest of its attempt: `once` names it, `value` is it."""
    payload = event.payload
    name = payload.get("once")
    if name is not None:
        step = state.step(event.step_id or "")
        if step.records is None:
            step.records = {}
        step.records[name] = payload.get("value")
    if "child" in payload:
        state.children[event.step_id or ""] = payload["child"]


def _variable_set(state: WorkflowState, event: Event) -> None:
    _recorded(state, event)
    if "context" in event.payload:
        state.context = {**state.context, **event.payload["context"]}


def _wait_started(state: WorkflowState, event: Event) -> None:
    _recorded(state, event)
    until = event.payload.get("until")
    state.step(event.step_id or "").due = None if until is None else parse_time(until)


def _wait_completed(state: WorkflowState, event: Event) -> None:
    _recorded(state, event)
    step = state.step(event.step_id or "")
    step.due = None
    run(step)
    taken = event.payload.get("taken")
    if taken is not None:
        state.inbox = [signal for signal in state.inbox if signal.sequence != taken]


CHANGES: dict[str, Callable[[WorkflowState, Event], None]] = {
    events.WORKFLOW_STARTED: _workflow_started,
    events.WORKFLOW_COMPLETED: _workflow_completed,
    events.WORKFLOW_FAILED: _workflow_failed,
    events.WORKFLOW_CANCELLED: _workflow_cancelled,
    events.WORKFLOW_SUSPENDED: _workflow_suspended,
    events.WORKFLOW_RESUMED: _workflow_resumed,
    events.WORKFLOW_TIMED_OUT: _workflow_timed_out,
    events.WORKFLOW_INTERRUPTED: _workflow_interrupted,
    events.STEP_STARTED: _step_started,
    events.STEP_SUSPENDED: _step_suspended,
    events.STEP_RETRYING: _step_retrying,
    events.STEP_RETRY_ATTEMPT: _step_retry_attempt,
    events.STEP_COMPLETED: _step_completed,
    events.STEP_FAILED: _step_failed,
    events.STEP_SKIPPED: _step_skipped,
    events.STEP_IGNORED: _step_ignored,
    events.STEP_FALLBACK: _step_fallback,
    events.DECISION_REQUESTED: _decision_requested,
    events.DECISION_RESOLVED: _decision_resolved,
    events.VARIABLE_SET: _variable_set,
    events.WAIT_STARTED: _wait_started,
    events.WAIT_COMPLETED: _wait_completed,
    events.SIGNAL_RECEIVED: signal_received,
    **dict.fromkeys(
        (
            *(events.CONDITION_EVALUATED, events.LOOP_ITER_STARTED, events.LOOP_ITER_COMPLETED),
            *(events.LOOP_COMPLETED, events.PARALLEL_STARTED, events.PARALLEL_COMPLETED),
        ),
        _recorded,
    ),
}
