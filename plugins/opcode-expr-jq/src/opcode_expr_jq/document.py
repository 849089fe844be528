"""The input of a program: of the variables, what it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import orjson
from opcode_core import ExecutionError, ReadPath, Variables

from opcode_expr_jq.reads import minimal

_ABSENT = object()
_STRICT = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


class Document:
    """Writes the input of one program.

    Of an object on the way to what is read, only the members on that way are there; all that is below is.

    Args:
        taken: The paths it reads; `()` for all there is.
        touched: The paths it follows: where one ends without being read, only the type of what is there is sent.
        names: What the input has at its top, each name with the variable it stands for.

    Attributes:
        reads: The paths that are written out, with the variables' own names.
    """

    __slots__ = ("_names", "_taken", "_touched", "reads")

    def __init__(
        self, taken: Sequence[ReadPath], touched: Sequence[ReadPath], names: Mapping[str, str]
    ) -> None:
        self._names = names
        ends = _ends(touched, taken)
        self.reads: tuple[ReadPath, ...] = tuple(
            (names[str(path[0])], *path[1:]) for path in dict.fromkeys((*taken, *ends)) if path
        )
        in_lists = [path for path in ends if len(_members(path)) < len(path)]
        self._taken = minimal(_members(path) for path in (*taken, *in_lists))
        covered = frozenset(self._taken)
        self._touched = [
            _members(path)
            for path in ends
            if not any(_members(path)[:length] in covered for length in range(len(path) + 1))
        ]

    def write(self, variables: Variables) -> bytes:
        """Write the input as JSON.

        Raises:
            ExecutionError: A value is none that JSON has.
        """
        try:
            return orjson.dumps(self._gather(variables), default=_plain, option=_STRICT)
        except (TypeError, RecursionError):  # its text may show a value
            raise ExecutionError(
                "a variable holds what cannot be written as JSON, or is nested too deep"
            ) from None

    def _gather(self, variables: Variables) -> dict[str, Any]:
        there = {
            name: variables[variable]
            for name, variable in self._names.items()
            if variable in variables
        }
        if self._taken == [()]:
            return there
        gathered: dict[str, Any] = {}
        for path in self._taken:
            _graft(gathered, there, path, whole=True)
        for path in self._touched:
            _graft(gathered, there, path, whole=False)
        return gathered


def _ends(touched: Sequence[ReadPath], taken: Sequence[ReadPath]) -> list[ReadPath]:
    """The paths that nothing is read of, nor followed further."""
    begun = {path[:length] for path in touched for length in range(len(path))}
    begun.update(path[:length] for path in taken for length in range(len(path) + 1))
    return [path for path in touched if path not in begun]


def _members(path: ReadPath) -> tuple[str, ...]:
    """A path as far as it leads through objects: of a list all items are sent."""
    return tuple(takewhile(lambda part: isinstance(part, str), path))  # type: ignore[arg-type] # so they are


def _graft(
    target: dict[str, Any], source: Mapping[str, Any], path: tuple[str, ...], *, whole: bool
) -> None:
    """Put what a path leads to in the same place of another object, or an empty one of its type.

    What is put there is never put into: nothing that is put whole is on the way to anything else.
    """
    for position, key in enumerate(path):
        value = source.get(key, _ABSENT)
        if value is _ABSENT:
            return
        inside = isinstance(value, Mapping)
        if whole and (position == len(path) - 1 or not inside):
            target[key] = value
            return
        if not inside:
            target.setdefault(key, [] if isinstance(value, list) else value)
            return
        target, source = target.setdefault(key, {}), value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError
