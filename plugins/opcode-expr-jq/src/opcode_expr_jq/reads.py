"""What is known of a value without running the program: from which paths of the input it may have come."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from opcode_core import ExpressionSyntaxError, ReadPath

Origins = frozenset[ReadPath]
"""The paths a value may be; empty when it is computed, from parts that have been recorded as read."""

COMPUTED: Origins = frozenset()
ROOT: Origins = frozenset({()})

_MOST_ORIGINS = 32
_LONGEST_PATH = 32


@dataclass(slots=True)
class Reads:
    """Collects what a program reads.

    Attributes:
        names: What the input has at its top, each name with the variable it stands for.
        paths: The paths read so far, each with everything below it; `()` is the whole input.
        touched: The paths that were followed, whatever became of what was found: whether one can be followed shows.
    """

    names: Mapping[str, str]
    paths: dict[ReadPath, None] = field(default_factory=dict)
    touched: dict[ReadPath, None] = field(default_factory=dict)

    def take(self, origins: Origins) -> None:
        """Record that a value is looked at, as a whole."""
        self.paths.update(dict.fromkeys(sorted(origins, key=_order)))

    def member(self, origins: Origins, key: str | int, offset: int) -> Origins:
        """What a member or item of a value may be.

        Args:
            origins: The value.
            key: Which member.
            offset: Where the program says so.

        Raises:
            ExpressionSyntaxError: A member of the input is meant that it does not have.
        """
        if () in origins and isinstance(key, str) and key not in self.names:
            raise ExpressionSyntaxError(self._unknown(key), offset)
        if () in origins and isinstance(key, int):
            self.take(ROOT)
            return COMPUTED
        if any(len(path) >= _LONGEST_PATH for path in origins):
            self.take(origins)
            return COMPUTED
        found = frozenset((*path, key) for path in origins)
        self.touched.update(dict.fromkeys(sorted(found, key=_order)))
        return found

    def either(self, *several: Origins) -> Origins:
        """What a value may be that is one of several."""
        origins = frozenset[ReadPath]().union(*several)
        if len(origins) <= _MOST_ORIGINS:
            return origins
        self.take(origins)
        return COMPUTED

    def _unknown(self, key: str) -> str:
        there = ", ".join(f"`.{name}`" for name in self.names)
        if key == "loop":
            return f"there is no `.loop`: it is `.iter` here; there is {there}"
        close = difflib.get_close_matches(key[:60].lower(), self.names, n=1)
        hint = f"; did you mean `.{close[0]}`?" if close else ""
        return f"there is no `.{key[:60]}`: there is {there}{hint}"


def minimal(paths: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The shortest paths that cover all of them, so that none is the beginning of another."""
    kept: set[tuple[str, ...]] = set()
    for path in sorted(set(paths), key=len):
        if not any(path[:length] in kept for length in range(len(path))):
            kept.add(path)
    return sorted(kept)


def _order(path: ReadPath) -> tuple[str, ...]:
    return tuple(map(str, path))
