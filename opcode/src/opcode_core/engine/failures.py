"""From what an attempt raised to the error a step has, and whether and when it is tried again."""

from __future__ import annotations

from typing import Any

from opcode_core.errors import ExecutionError, OpcodeError, RetryExhaustedError, WorkflowFailed
from opcode_core.model.definition import RetryPolicy

_LONGEST_TEXT = 500
_LONGEST_PAUSE = 100 * 365 * 86400.0


_RETRYABLE = frozenset(
    {"EXECUTION_ERROR", "TIMEOUT_ERROR", "STORE_ERROR", "ISOLATION_ERROR", "RETRY_EXHAUSTED"}
)


class StepFailedError(OpcodeError):
    """A step, or a child workflow, failed for good and nothing handled it: the error of whatever it is a part of.

    Args:
        error: Its error, with the `step_id` of the innermost step that failed.
        final: Whether nothing may handle it.
        cancels: Whether what runs beside it is cancelled at once.
    """

    def __init__(
        self, error: dict[str, Any], *, final: bool = False, cancels: bool = False
    ) -> None:
        super().__init__(error["message"], error.get("details"))
        self.error = error
        self.final = final
        self.cancels = cancels
        self.code = error["code"]  # type: ignore[misc] # it keeps the code of what failed
        self.retryable = not final and self.code in _RETRYABLE  # type: ignore[misc] # by that code

    def to_json(self) -> dict[str, Any]:
        """The error as it was, with the step it came from."""
        return self.error


def is_final(failure: OpcodeError) -> bool:
    """Whether a failure ends the workflow whatever strategy there is."""
    return isinstance(failure, WorkflowFailed) or (
        isinstance(failure, StepFailedError) and failure.final
    )


def as_error(raised: BaseException) -> OpcodeError:
    """The error of whatever an attempt raised; what is not ours becomes an EXECUTION_ERROR, without a traceback."""
    if isinstance(raised, OpcodeError):
        return raised
    text = str(raised).encode("utf-8", "replace").decode("utf-8")
    shown = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
    name = type(raised).__name__
    return ExecutionError(
        f"the action raised {name}: {shown}" if shown else f"the action raised {name}"
    )


def final_error(last: OpcodeError, attempts: int) -> dict[str, Any]:
    """The error of a step that failed for good: wrapped when all its attempts were used up."""
    if attempts > 1 and last.retryable:
        cause = last.to_json()
        return RetryExhaustedError(
            f"{attempts} attempts failed; the last one: {last.message}",
            {"cause": cause, "attempts": attempts},
        ).to_json()
    return last.to_json()


def pause_before(
    policy: RetryPolicy | None, attempts: int, last: OpcodeError, random: float
) -> float | None:
    """How long to wait before the next attempt.

    Args:
        policy: How failed attempts are tried again; None for not at all.
        attempts: How many failed so far.
        last: The error of the last one.
        random: A number from 0 to 1, for jitter.

    Returns:
        Seconds; None when it is not tried again.
    """
    if policy is None or attempts > policy.max or not last.retryable:
        return None
    if policy.backoff == "none":
        pause = 0.0
    elif policy.backoff == "constant":
        pause = policy.delay
    elif policy.backoff == "linear":
        pause = policy.delay * attempts
    else:
        pause = policy.delay * 2.0 ** min(attempts - 1, 64)
    wished = getattr(last, "retry_after", None)
    if policy.jitter:
        pause *= random
    pause = max(pause, wished or 0.0)
    return min(pause, policy.max_delay if policy.max_delay is not None else _LONGEST_PAUSE)
