"""Did you mean …? The nearest of the names there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was most likely meant; None when none is near."""
    pool = sorted(set(names))
    lowered = {candidate.lower(): candidate for candidate in reversed(pool)}
    found = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.7)
    if found:
        return lowered[found[0]]
    prefixed = [candidate for candidate in pool if len(name) > 2 and candidate.startswith(name)]  # noqa: PLR2004
    return prefixed[0] if prefixed else None


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
