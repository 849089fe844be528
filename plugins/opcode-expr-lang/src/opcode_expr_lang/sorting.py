"""Sorting in bounded pieces: a list of a million is not handed to one call that holds up all threads."""

from __future__ import annotations

from typing import Any

from opcode_core import ExecutionError

from opcode_expr_lang.frame import Frame, charge_text, check_time
from opcode_expr_lang.values import a_kind, kind

_PIECE = 1 << 14
_ORDERED = frozenset({"int", "float", "string", "time.Time", "time.Duration"})


def order(frame: Frame, keys: list[Any], *, descending: bool) -> list[int]:
    """Give the indices of keys in the order of the keys; equal ones stay as they are.

    Args:
        frame: The evaluation.
        keys: All numbers, all texts, all dates or all durations.
        descending: Whether the largest comes first.

    Raises:
        ExecutionError: They cannot be compared, or the time is over.
    """
    _check_comparable(frame, keys)
    pieces = []
    for start in range(0, len(keys), _PIECE):
        check_time(frame)
        piece = range(start, min(start + _PIECE, len(keys)))
        pieces.append(sorted(piece, key=keys.__getitem__, reverse=descending))
    while len(pieces) > 1:
        merged = []
        for at in range(0, len(pieces), 2):
            check_time(frame)  # sorting two sorted runs one behind the other only merges them
            both = [index for piece in pieces[at : at + 2] for index in piece]
            both.sort(key=keys.__getitem__, reverse=descending)
            merged.append(both)
        pieces = merged
    return pieces[0] if pieces else []


def is_descending(said: Any) -> bool:
    """Whether `desc` was said.

    Raises:
        ExecutionError: It is neither `asc` nor `desc`.
    """
    if said not in ("asc", "desc"):
        raise ExecutionError('the order is "asc" or "desc"')
    return bool(said == "desc")


def _check_comparable(frame: Frame, keys: list[Any]) -> None:
    if len(keys) <= 1:
        return
    kinds = {"number" if kind(key) in ("int", "float") else kind(key) for key in keys}
    if kinds == {"string"}:  # comparing long texts takes time
        charge_text(frame, sum(map(len, keys)))
    if len(kinds) == 1 and kinds <= _ORDERED | {"number"}:
        return
    unfit = next((key for key in keys if kind(key) not in _ORDERED), None)
    if len(kinds) == 1 or unfit is not None:
        raise ExecutionError(f"{a_kind(unfit)} cannot be put in order")
    raise ExecutionError(f"{' and '.join(sorted(kinds))} cannot be put in one order")
