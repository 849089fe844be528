"""A problem in a definition: where it is, what it is, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

ProblemCode = Literal[
    "UNKNOWN_FIELD",
    "MISSING_FIELD",
    "WRONG_TYPE",
    "INVALID_VALUE",
    "INVALID_ID",
    "DUPLICATE_ID",
    "UNKNOWN_STEP",
    "UNKNOWN_STEP_TYPE",
    "ACTION_UNAVAILABLE",
    "CYCLE_DETECTED",
    "BAD_REFERENCE",
    "UNKNOWN_REFERENCE",
    "NOT_SETTLED",
    "BAD_EXPRESSION",
    "BAD_DURATION",
    "BAD_CRON",
    "BAD_SCHEMA",
    "LIMIT_EXCEEDED",
    "SHELL_INTERPOLATION",
    "SECRET_MISPLACED",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, as `define` reports it.

    Attributes:
        path: RFC 6901 JSON Pointer to the member at fault, also when it is missing.
        code: Which kind of problem it is.
        message: What was found.
        hint: A sentence that says what to write instead, if that is known.
        fix: An RFC 6902 patch of the definition, if one is certain.
        severity: `error` refuses the definition, `warning` does not.
        argument: The argument of `define` that `path` points into; None for the definition itself.
        offset: Where in the text at `path`, in characters from 0; None for the whole of it. Shown with a file only.
    """

    path: str
    code: ProblemCode
    message: str
    hint: str | None = None
    fix: tuple[dict[str, Any], ...] | None = None
    severity: Literal["error", "warning"] = "error"
    argument: str | None = None
    offset: int | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Give the problem as an agent sees it; members that say nothing are left out."""
        body: dict[str, Any] = {
            "path": self.path,
            "code": self.code,
            "message": self.message,
            "severity": self.severity,
        }
        if self.argument is not None:
            body["argument"] = self.argument
        if self.hint is not None:
            body["hint"] = self.hint
        if self.fix is not None:
            body["fix"] = list(self.fix)
        return body


def pointer(base: str, *parts: str | int) -> str:
    """Extend an RFC 6901 JSON Pointer by one or more members."""
    for part in parts:
        name = str(part)
        if "/" in name or "~" in name:
            name = name.replace("~", "~0").replace("/", "~1")
        base = f"{base}/{name}"
    return base
