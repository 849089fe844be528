"""One evaluation: a list that every compiled piece is called with.

Its first places are named below; from `FIRST_SLOT` on stand what `let` named and what predicates look at. A
list rather than an object, because reading `frame[0]` is what an evaluation does most.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, TypeAlias

from opcode_core import MAX_NODES, ExecutionError

Frame: TypeAlias = list[Any]
Code: TypeAlias = Callable[[Frame], Any]
"""A compiled piece: gives its value; raises an `ExecutionError`."""

VARIABLES = 0
"""The variables, as handed to `evaluate`."""
ITEMS = 1
"""Items of lists and maps produced so far."""
CHARACTERS = 2
"""Characters of texts produced so far."""
DEADLINE = 3
"""When the evaluation has to end, on `time.monotonic`'s clock."""
SECONDS = 4
"""How long it may take."""
FIRST_SLOT = 5

MAX_CHARACTERS = 10 * MAX_NODES
"""How many characters all texts of one evaluation may have together."""


def new_frame(variables: Any, seconds: float, slots: tuple[None, ...] = ()) -> Frame:
    """Begin an evaluation.

    Args:
        variables: What it reads.
        seconds: How long it may take.
        slots: A None for each place it needs.
    """
    return [variables, 0, 0, monotonic() + seconds, seconds, *slots]


def charge(frame: Frame, items: int) -> None:
    """Count the items of a list or map before it is produced, and look at the clock.

    Raises:
        ExecutionError: There are more than `MAX_NODES` in all, or the time is over.
    """
    frame[ITEMS] += items
    if frame[ITEMS] > MAX_NODES:
        raise ExecutionError(
            f"the expression builds more than {MAX_NODES} items: take a part of the data first"
        )
    if monotonic() > frame[DEADLINE]:
        raise too_slow(frame)


def charge_text(frame: Frame, characters: int) -> None:
    """Count the characters of a text before it is produced, and look at the clock.

    Raises:
        ExecutionError: There are more than `MAX_CHARACTERS` in all, or the time is over.
    """
    frame[CHARACTERS] += characters
    if frame[CHARACTERS] > MAX_CHARACTERS:
        raise ExecutionError(
            f"the expression builds more than {MAX_CHARACTERS} characters of text: "
            "take a part of the data first"
        )
    if monotonic() > frame[DEADLINE]:
        raise too_slow(frame)


def check_time(frame: Frame) -> None:
    """Raise an `ExecutionError` when the evaluation's time is over."""
    if monotonic() > frame[DEADLINE]:
        raise too_slow(frame)


def too_slow(frame: Frame) -> ExecutionError:
    """The error for an evaluation that takes too long."""
    return ExecutionError(f"the expression takes longer than {frame[SECONDS]:g} s")
