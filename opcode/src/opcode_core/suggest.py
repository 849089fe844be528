"""Did you mean …? The nearest of the names there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

_MANY = 200
"""Of more names than this, only those that look alike at a glance are compared."""
_MOST = 20_000
_CUTOFF = 0.7
_PREFIX = 3
_FEW = 2
"""So many letters may differ in a short name; in a longer one a third of them."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was most likely meant; None when none is near."""
    wanted = name.lower()
    pool = list(islice(names, _MOST))
    if len(pool) > _MANY:
        pool = _alike(wanted, pool)
    lowered = {candidate.lower(): candidate for candidate in sorted(pool, reverse=True)}
    found = difflib.get_close_matches(wanted, lowered, n=1, cutoff=_CUTOFF)
    if found and _edits(wanted, found[0]) <= max(_FEW, len(wanted) // 3):
        return lowered[found[0]]
    prefixed = [
        candidate
        for candidate in sorted(pool)
        if len(name) >= _PREFIX and candidate.startswith(name)
    ]
    return prefixed[0] if prefixed else None


def _edits(one: str, other: str) -> int:
    """How many letters are missing, added, changed or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, instead in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != instead))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == instead:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _alike(wanted: str, pool: list[str]) -> list[str]:
    """At most `_MANY` names of about the same length that begin or end as this one does."""
    size, slack = len(wanted), max(2, len(wanted) // 4)
    head, tail = wanted[:2], wanted[-2:]
    found = [
        name
        for name in pool
        if -slack <= len(name) - size <= slack
        and (name[:2].lower() == head or name[-2:].lower() == tail)
    ]
    found.sort(key=lambda name: (abs(len(name) - size), name))
    return found[:_MANY]


def hint_for(name: str, names: Iterable[str]) -> str | None:
    """The sentence for a problem's hint, or None."""
    meant = nearest(name, names)
    return f"did you mean `{meant}`?" if meant else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`; did you mean …?` to end an error message with, or nothing."""
    hint = hint_for(name, names)
    return f"; {hint}" if hint else ""


def listing(names: Iterable[str], most: int = 10) -> str:
    """Names for a message: the first few in order, and how many more there are."""
    pool = sorted(str(name) for name in names)
    shown = ", ".join(f"`{name}`" for name in pool[:most])
    return f"{shown} and {len(pool) - most} more" if len(pool) > most else shown or "nothing"
