"""One evaluation: a list that every compiled piece is called with.

Its first places are named below; from `FIRST_SLOT` on stand the macro variables. A list rather
than an object, because reading `frame[0]` is what an evaluation does most.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, TypeAlias

from opcode_core import MAX_NODES

Frame: TypeAlias = list[Any]
Code: TypeAlias = Callable[[Frame], Any]
"""A compiled piece: gives its value; raises a `FaultError` or an `ExhaustedError`."""

VARIABLES = 0
"""The variables, as handed to `evaluate`."""
PRODUCED = 1
"""Items and characters produced so far."""
DEADLINE = 2
"""When the evaluation has to end, on `time.monotonic`'s clock; 0.0 while nobody has asked yet."""
SECONDS = 3
"""How long it may take."""
FIRST_SLOT = 4

_MAX_PRODUCED = 16 * MAX_NODES
"""Items and characters of all values of one evaluation: some hundred megabytes at worst."""


class ExhaustedError(Exception):
    """Too much time or memory: nothing absorbs it.

    Args:
        message: Which limit, and how large it is.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def charge(frame: Frame, amount: int, total: int = _MAX_PRODUCED) -> None:
    """Count a list, text or bytes of a length that was produced.

    Args:
        frame: The evaluation.
        amount: The length, in items or characters.
        total: How many may be produced in all.

    Raises:
        ExhaustedError: It is longer than `MAX_NODES`, or all of them together are too much.
    """
    frame[PRODUCED] += amount
    if amount > MAX_NODES or frame[PRODUCED] > total:
        raise too_large()


def too_large() -> ExhaustedError:
    """Give the error for a value beyond `MAX_NODES`."""
    return ExhaustedError(
        f"the expression builds more than {MAX_NODES} items or characters in one value,"
        f" or {_MAX_PRODUCED} in all"
    )


def check_time(frame: Frame) -> None:
    """Raise an `ExhaustedError` when the evaluation's time is over.

    An expression without loops only gets a deadline here: asking for the time would be a fifth of
    what a comparison costs.
    """
    now = monotonic()
    if not frame[DEADLINE]:
        frame[DEADLINE] = now + frame[SECONDS]
    if now > frame[DEADLINE]:
        raise ExhaustedError(f"the expression takes longer than {frame[SECONDS]:g} s")
