"""The state of a workflow: nothing but what its events say.

`WorkflowState.apply` is the only thing that changes a state: live, when a workflow is read back, and in tests. It asks
nobody for anything, so the same events always give the same state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opcode_core.model import events
from opcode_core.model.events import Event

SETTLED = frozenset({"completed", "failed", "skipped"})
FINISHED = frozenset({"completed", "failed", "cancelled"})


class StepState:
    """One step of one workflow.

    Attributes:
        status: pending, running, completed, failed or skipped.
        output: What it gave; None until there is something.
        error: `{code, message, details?}` of the last failure; None when there is none.
        attempts: How often it was tried.
        started_at: When it was first tried, in microseconds since 1970; None if never.
        ended_at: When it settled, likewise.
        size: About how many bytes of JSON the output has.
    """

    __slots__ = ("_view", "attempts", "ended_at", "error", "output", "size", "started_at", "status")

    def __init__(self) -> None:
        self.status = "pending"
        self.output: Any = None
        self.error: dict[str, Any] | None = None
        self.attempts = 0
        self.started_at: int | None = None
        self.ended_at: int | None = None
        self.size = 0
        self._view: dict[str, Any] | None = None

    @property
    def view(self) -> dict[str, Any]:
        """The step as references and expressions see it: `output`, `status`, `error`, and the output's own fields."""
        if self._view is None:
            fields = self.output if isinstance(self.output, dict) else {}
            self._view = {
                **fields,
                "output": self.output,
                "status": self.status,
                "error": self.error,
            }
        return self._view

    def changed(self) -> None:
        """Forget the view; called by the fold only."""
        self._view = None


class WorkflowState:
    """One workflow, folded from its events.

    Args:
        workflow_id: The workflow.
    """

    def __init__(self, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        self.sequence = 0
        self.status = "pending"
        self.template_name = ""
        self.template_version = ""
        self.agent_id = ""
        self.idempotency_key: str | None = None
        self.working_directory = ""
        self.inputs: dict[str, Any] = {}
        self.context: dict[str, Any] = {}
        self.output: Any = None
        self.output_size = 0
        self.error: dict[str, Any] | None = None
        self.created_at = 0
        self.completed_at: int | None = None
        self.steps: dict[str, StepState] = {}

    def step(self, step_id: str) -> StepState:
        """The state of a step; a new one if it has none yet."""
        state = self.steps.get(step_id)
        if state is None:
            state = self.steps[step_id] = StepState()
        return state

    def apply(self, event: Event) -> None:
        """Fold one event into the state.

        Raises:
            ValueError: The event is not the next one of this workflow.
        """
        if event.sequence != self.sequence + 1:
            raise ValueError(
                f"event {event.sequence} of {self.workflow_id} does not follow {self.sequence}"
            )
        self.sequence = event.sequence
        change = _CHANGES.get(event.event_type)
        if change is not None:
            change(self, event)


def _workflow_started(state: WorkflowState, event: Event) -> None:
    payload = event.payload
    state.status = "active"
    state.template_name = payload["template_name"]
    state.template_version = payload["template_version"]
    state.agent_id = event.agent_id or ""
    state.idempotency_key = payload.get("idempotency_key")
    state.working_directory = payload["working_directory"]
    state.inputs = payload["inputs"]
    state.context = payload["context"]
    state.created_at = event.timestamp


def _workflow_completed(state: WorkflowState, event: Event) -> None:
    state.status = "completed"
    state.output = event.payload["output"]
    state.output_size = event.size
    state.completed_at = event.timestamp


def _workflow_failed(state: WorkflowState, event: Event) -> None:
    state.status = "failed"
    state.error = event.payload["error"]
    state.completed_at = event.timestamp


def _workflow_cancelled(state: WorkflowState, event: Event) -> None:
    state.status = "cancelled"
    state.completed_at = event.timestamp


def _step_started(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    step.status = "running"
    step.attempts = 1
    step.started_at = event.timestamp
    step.changed()


def _step_retry_attempt(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    step.attempts = event.payload["attempt"]


def _step_completed(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    step.status = "completed"
    step.output = event.payload["output"]
    step.error = None
    step.size = event.size
    step.ended_at = event.timestamp
    step.changed()


def _step_fallback(state: WorkflowState, event: Event) -> None:
    """The fallback of a failed step has completed: its output is the failed step's too."""
    spare = state.step(event.payload["fallback_step"])
    step = state.step(event.step_id or "")
    step.output = spare.output
    step.size = spare.size
    step.changed()


def _step_failed(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    step.status = "failed"
    step.error = event.payload["error"]
    step.ended_at = event.timestamp
    step.changed()


def _step_skipped(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    step.status = "skipped"
    step.ended_at = event.timestamp
    step.changed()


def _step_ignored(state: WorkflowState, event: Event) -> None:
    step = state.step(event.step_id or "")
    step.status = "skipped"
    step.error = event.payload["error"]
    step.output = {"ignored": True, "error": step.error}
    step.size = event.size
    step.ended_at = event.timestamp
    step.changed()


_CHANGES: dict[str, Callable[[WorkflowState, Event], None]] = {
    events.WORKFLOW_STARTED: _workflow_started,
    events.WORKFLOW_COMPLETED: _workflow_completed,
    events.WORKFLOW_FAILED: _workflow_failed,
    events.WORKFLOW_CANCELLED: _workflow_cancelled,
    events.STEP_STARTED: _step_started,
    events.STEP_RETRY_ATTEMPT: _step_retry_attempt,
    events.STEP_COMPLETED: _step_completed,
    events.STEP_FAILED: _step_failed,
    events.STEP_SKIPPED: _step_skipped,
    events.STEP_IGNORED: _step_ignored,
    events.STEP_FALLBACK: _step_fallback,
}
