"""Events: the log that everything else is computed from, and their names."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

WORKFLOW_STARTED: Final = "workflow_started"
WORKFLOW_COMPLETED: Final = "workflow_completed"
WORKFLOW_FAILED: Final = "workflow_failed"
WORKFLOW_CANCELLED: Final = "workflow_cancelled"
WORKFLOW_SUSPENDED: Final = "workflow_suspended"
WORKFLOW_RESUMED: Final = "workflow_resumed"
WORKFLOW_TIMED_OUT: Final = "workflow_timed_out"
WORKFLOW_INTERRUPTED: Final = "workflow_interrupted"
STEP_STARTED: Final = "step_started"
STEP_COMPLETED: Final = "step_completed"
STEP_FAILED: Final = "step_failed"
STEP_SKIPPED: Final = "step_skipped"
STEP_SUSPENDED: Final = "step_suspended"
STEP_RETRYING: Final = "step_retrying"
STEP_RETRY_ATTEMPT: Final = "step_retry_attempt"
STEP_FALLBACK: Final = "step_fallback"
STEP_IGNORED: Final = "step_ignored"
ERROR_HANDLER_INVOKED: Final = "error_handler_invoked"
DECISION_REQUESTED: Final = "decision_requested"
DECISION_RESOLVED: Final = "decision_resolved"
SIGNAL_RECEIVED: Final = "signal_received"
VARIABLE_SET: Final = "variable_set"
CONDITION_EVALUATED: Final = "condition_evaluated"
LOOP_ITER_STARTED: Final = "loop_iter_started"
LOOP_ITER_COMPLETED: Final = "loop_iter_completed"
LOOP_COMPLETED: Final = "loop_completed"
PARALLEL_STARTED: Final = "parallel_started"
PARALLEL_COMPLETED: Final = "parallel_completed"
WAIT_STARTED: Final = "wait_started"
WAIT_COMPLETED: Final = "wait_completed"
CIRCUIT_BREAKER_OPEN: Final = "circuit_breaker_open"
CIRCUIT_BREAKER_HALF_OPEN: Final = "circuit_breaker_half_open"
CIRCUIT_BREAKER_CLOSED: Final = "circuit_breaker_closed"

ENGINE_EVENTS: Final = frozenset(
    {
        *(WORKFLOW_STARTED, WORKFLOW_COMPLETED, WORKFLOW_FAILED),
        *(WORKFLOW_CANCELLED, WORKFLOW_SUSPENDED, WORKFLOW_RESUMED),
        *(WORKFLOW_TIMED_OUT, WORKFLOW_INTERRUPTED, STEP_STARTED),
        *(STEP_COMPLETED, STEP_FAILED, STEP_SKIPPED),
        *(STEP_SUSPENDED, STEP_RETRYING, STEP_RETRY_ATTEMPT),
        *(STEP_FALLBACK, STEP_IGNORED, ERROR_HANDLER_INVOKED),
        *(DECISION_REQUESTED, DECISION_RESOLVED, SIGNAL_RECEIVED),
        *(VARIABLE_SET, CONDITION_EVALUATED, LOOP_ITER_STARTED),
        *(LOOP_ITER_COMPLETED, LOOP_COMPLETED, PARALLEL_STARTED),
        *(PARALLEL_COMPLETED, WAIT_STARTED, WAIT_COMPLETED),
        *(CIRCUIT_BREAKER_OPEN, CIRCUIT_BREAKER_HALF_OPEN, CIRCUIT_BREAKER_CLOSED),
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
