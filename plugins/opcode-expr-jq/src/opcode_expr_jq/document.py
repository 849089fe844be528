"""The input of a program: of the variables, what it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        paths: What the program reads; `()` for all there is.
        names: What the input has at its top, each name with the variable it stands for.

    Attributes:
        reads: The paths, with the variables' own names, as far as there are any.
    """

    __slots__ = ("_names", "_paths", "reads")

    def __init__(self, paths: Iterable[ReadPath], names: Mapping[str, str]) -> None:
        paths = tuple(paths)
        self._names = names
        self._paths = minimal(_members(path) for path in paths)
        self.reads: tuple[ReadPath, ...] = tuple(
            (names[str(path[0])], *path[1:]) for path in paths if path
        )

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
        if self._paths == [()]:
            return there
        gathered: dict[str, Any] = {}
        for path in self._paths:
            _graft(gathered, there, path)
        return gathered


def _members(path: ReadPath) -> tuple[str, ...]:
    """A path as far as it leads through objects: of a list all items are sent."""
    return tuple(takewhile(lambda part: isinstance(part, str), path))  # type: ignore[arg-type] # so they are


def _graft(target: dict[str, Any], source: Mapping[str, Any], path: tuple[str, ...]) -> None:
    """Put what a path leads to in the same place of another object.

    What is put there is never put into: no path is the beginning of another.
    """
    for position, key in enumerate(path):
        value = source.get(key, _ABSENT)
        if value is _ABSENT:
            return
        if position == len(path) - 1 or not isinstance(value, Mapping):
            target[key] = value
            return
        target, source = target.setdefault(key, {}), value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError
