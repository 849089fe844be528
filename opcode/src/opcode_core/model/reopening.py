"""What signals change in the state of a workflow, and how a step or a workflow begins again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opcode_core.model.events import Event
from opcode_core.model.signals import WaitingSignal

if TYPE_CHECKING:
    from opcode_core.model.state import StepState, WorkflowState


def run(step: StepState) -> None:
    """Let a step run."""
    step.status = "running"
    step.waits_for = None
    step.changed()


def forget(state: WorkflowState, step_id: str, when: int) -> None:
    """Let nothing be left of what a step and those nested in it recorded, asked and started."""
    for other in [step_id, *state.nested_in(step_id)]:
        step = state.steps[other]
        state.withdraw_decision(other, when)
        step.decision = None
        step.records = None
        step.due = None
        step.retry_at = None
        state.children.pop(other, None)
        if other != step_id:
            del state.steps[other]


def signal_received(state: WorkflowState, event: Event) -> None:
    """A signal: data goes into the context and may wait for a step; `retry` and `skip` reopen what failed."""
    kind, payload = event.payload["signal_type"], event.payload["payload"]
    if kind == "data":
        said = {name: value for name, value in payload.items() if name != "signal"}
        state.context = {**state.context, **said}
        name = payload.get("signal")
        if name is not None or event.step_id is not None:
            state.inbox = [*state.inbox, WaitingSignal(event.sequence, name, event.step_id, said)]
    elif kind == "retry":
        _retry(state, event.step_id, payload.get("params"), event.timestamp)
    elif kind == "skip" and event.step_id is not None:
        _reopen(state, event.step_id, event.timestamp)


def _retry(
    state: WorkflowState, step_id: str | None, params: dict[str, Any] | None, when: int
) -> None:
    if step_id is not None:
        forget(state, step_id, when)
        state.steps[step_id] = type(state.steps[step_id])()  # it begins its life anew
        state.steps[step_id].replacement = params
    _reopen(state, step_id or "", when)
    state.allowance_from, state.suspended_micros, state.timed_out = when, 0, False
    if state.suspended_at is not None:
        state.suspended_at = when  # what it was suspended before counts no more


def _reopen(state: WorkflowState, step_id: str, when: int) -> None:
    """Let the workflow, and the steps around one, go on after a failure; hooks that ran for it may run again."""
    for outer in state.around(step_id):
        step = state.steps[outer]
        if step.status == "failed":
            step.error = None
            step.ended_at = None
            run(step)
    if state.status == "failed":
        state.suspended_micros += when - (state.completed_at or when)  # its time stood still
        state.status = "active"
        state.error = None
        state.completed_at = None
    for hook in state.hooks:
        if hook in state.steps:
            forget(state, hook, when)
            del state.steps[hook]
