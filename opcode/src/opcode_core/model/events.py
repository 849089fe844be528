"""Events: the log that everything else is computed from, and their names."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

WORKFLOW_STARTED: Final = "workflow_started"
WORKFLOW_COMPLETED: Final = "workflow_completed"
WORKFLOW_FAILED: Final = "workflow_failed"
WORKFLOW_CANCELLED: Final = "workflow_cancelled"
STEP_STARTED: Final = "step_started"
STEP_COMPLETED: Final = "step_completed"
STEP_FAILED: Final = "step_failed"
STEP_SKIPPED: Final = "step_skipped"
STEP_RETRYING: Final = "step_retrying"
STEP_RETRY_ATTEMPT: Final = "step_retry_attempt"
STEP_FALLBACK: Final = "step_fallback"
STEP_IGNORED: Final = "step_ignored"
ERROR_HANDLER_INVOKED: Final = "error_handler_invoked"
SIGNAL_RECEIVED: Final = "signal_received"

ENGINE_EVENTS: Final = frozenset(
    {
        *(WORKFLOW_STARTED, WORKFLOW_COMPLETED, WORKFLOW_FAILED, WORKFLOW_CANCELLED),
        *("workflow_suspended", "workflow_resumed", "workflow_timed_out", "workflow_interrupted"),
        *(
            STEP_STARTED,
            STEP_COMPLETED,
            STEP_FAILED,
            STEP_SKIPPED,
            STEP_RETRYING,
            STEP_RETRY_ATTEMPT,
        ),
        *(STEP_FALLBACK, STEP_IGNORED, ERROR_HANDLER_INVOKED, SIGNAL_RECEIVED),
        *("step_suspended", "decision_requested", "decision_resolved", "variable_set"),
        *("circuit_breaker_open", "circuit_breaker_half_open", "circuit_breaker_closed"),
        *("condition_evaluated", "loop_iter_started", "loop_iter_completed", "loop_completed"),
        *("parallel_started", "parallel_completed", "wait_started", "wait_completed"),
    }
)
"""The names the engine uses or keeps for itself; a workflow cannot emit one of them."""


class Event(NamedTuple):
    """Something that happened to a workflow.

    Attributes:
        workflow_id: The workflow.
        sequence: 1, 2, 3 … within the workflow, without gaps.
        event_type: One of `ENGINE_EVENTS`, or a name of the workflow's own.
        step_id: The full id of the step it concerns; None for the workflow itself.
        payload: What there is to say: JSON members; None for nothing.
        agent_id: Who caused it, if somebody did.
        timestamp: Microseconds since 1970 in UTC.
        size: Bytes of the payload as stored JSON.
    """

    workflow_id: str
    sequence: int
    event_type: str
    step_id: str | None
    payload: Any
    agent_id: str | None
    timestamp: int
    size: int
