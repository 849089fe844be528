"""Every error OPCODE shows to an agent, an author or a person, as one tree.

    OpcodeError                    the base: a code, a message, details, retryable or not
    ├── ValidationError            VALIDATION_ERROR      what was given is not acceptable
    ├── NotFoundError              NOT_FOUND             what was named does not exist
    ├── ConflictError              CONFLICT              the state does not allow it (any more)
    ├── ExecutionError             EXECUTION_ERROR       it was tried and went wrong; another try may work
    ├── StepTimeoutError           TIMEOUT_ERROR         it took longer than it may
    ├── NonRetryableError          NON_RETRYABLE         it went wrong and will again
    │   └── WorkflowFailed         NON_RETRYABLE         a step ended its workflow on purpose
    ├── PermissionDeniedError      PERMISSION_DENIED     a policy or the system says no
    │   └── PathDeniedError        PATH_DENIED           a path outside what may be touched
    ├── ActionUnavailableError     ACTION_UNAVAILABLE    unknown, disabled or denied action
    ├── AssertionFailedError       ASSERTION_FAILED      an assert.* step did not hold
    ├── InterpolationError         INTERPOLATION_ERROR   a reference leads nowhere
    ├── VaultError                 VAULT_ERROR           a secret that cannot be had
    ├── LimitExceededError         LIMIT_EXCEEDED        larger, deeper or more than allowed
    ├── IsolationError             ISOLATION_ERROR       what must run confined cannot be here
    ├── RetryExhaustedError        RETRY_EXHAUSTED       the last of several attempts failed too
    ├── CircuitOpenError           CIRCUIT_OPEN          it failed too often lately
    ├── InterruptedStepError       INTERRUPTED           the process ended while it ran
    ├── RecoveryExhaustedError     RECOVERY_EXHAUSTED    that happened too often
    ├── CancelledByUserError       CANCELLED             somebody ended it
    └── StoreError                 STORE_ERROR           the database could not do it

An error that reaches an agent is `{code, message, details?}`; nothing else of an exception ever does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

JsonObject = dict[str, Any]


class OpcodeError(Exception):
    """The base of all errors with a code.

    Args:
        message: One sentence or two for the reader who must act: what was found, what to do instead.
        details: JSON values an agent can use; None for none.
    """

    code: ClassVar[str] = "EXECUTION_ERROR"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: JsonObject | None = dict(details) if details is not None else None

    def to_json(self) -> JsonObject:
        """Give the error as an agent sees it: `{code, message, details?}`."""
        body: JsonObject = {"code": self.code, "message": self.message}
        if self.details is not None:
            body["details"] = self.details
        return body


class ValidationError(OpcodeError):
    """What was given is not acceptable; `details.issues` says where and why when there are several."""

    code = "VALIDATION_ERROR"


class NotFoundError(OpcodeError):
    """What was named does not exist."""

    code = "NOT_FOUND"


class ConflictError(OpcodeError):
    """The state does not allow what was asked for."""

    code = "CONFLICT"


class ExecutionError(OpcodeError):
    """It was tried and went wrong; another try may work.

    Args:
        message: See `OpcodeError`.
        details: See `OpcodeError`.
        retry_after: Seconds the other side asked to wait before another try; None for no wish.
    """

    code = "EXECUTION_ERROR"
    retryable = True

    def __init__(
        self,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, details)
        self.retry_after = retry_after


class StepTimeoutError(OpcodeError):
    """It took longer than it may."""

    code = "TIMEOUT_ERROR"
    retryable = True


class NonRetryableError(OpcodeError):
    """It went wrong and will go wrong again."""

    code = "NON_RETRYABLE"


class WorkflowFailed(NonRetryableError):  # noqa: N818 - an outcome the author asked for, not a fault
    """A step ended its workflow on purpose; no error strategy handles it."""


class PermissionDeniedError(OpcodeError):
    """A policy or the operating system says no."""

    code = "PERMISSION_DENIED"


class PathDeniedError(PermissionDeniedError):
    """A path outside of what may be touched."""

    code = "PATH_DENIED"


class ActionUnavailableError(OpcodeError):
    """An action that is unknown, disabled or denied by policy."""

    code = "ACTION_UNAVAILABLE"


class AssertionFailedError(OpcodeError):
    """An assertion of the workflow's author did not hold."""

    code = "ASSERTION_FAILED"


class InterpolationError(OpcodeError):
    """A reference leads nowhere."""

    code = "INTERPOLATION_ERROR"


class VaultError(OpcodeError):
    """A secret that cannot be had."""

    code = "VAULT_ERROR"


class LimitExceededError(OpcodeError):
    """Larger, deeper or more than allowed."""

    code = "LIMIT_EXCEEDED"


class IsolationError(OpcodeError):
    """What must run confined cannot be: nothing was run."""

    code = "ISOLATION_ERROR"
    retryable = True


class RetryExhaustedError(OpcodeError):
    """The last of several attempts failed too; `details` has `cause` and `attempts`."""

    code = "RETRY_EXHAUSTED"


class CircuitOpenError(OpcodeError):
    """It failed too often lately, and is left alone for a while; `details.retry_in_ms` says for how long."""

    code = "CIRCUIT_OPEN"


class InterruptedStepError(OpcodeError):
    """The process ended while the step ran, and nobody knows whether it had its effect."""

    code = "INTERRUPTED"


class RecoveryExhaustedError(OpcodeError):
    """The process ended too often while the step ran."""

    code = "RECOVERY_EXHAUSTED"


class CancelledByUserError(OpcodeError):
    """Somebody ended it."""

    code = "CANCELLED"


class StoreError(OpcodeError):
    """The database could not do it; `details.reason` says whether it is full, busy, damaged, newer or io."""

    code = "STORE_ERROR"
    retryable = True
