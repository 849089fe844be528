"""Results as plain JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opcode_core import ExecutionError, ValidationError, Variables, compact_json

from opcode_expr_lang.frame import Frame, charge, charge_text, new_frame
from opcode_expr_lang.time_layout import RFC3339, in_layout
from opcode_expr_lang.times import Duration, Time, Zone, duration_text
from opcode_expr_lang.values import Array, Groups, NilArray, Table, a_kind
from opcode_expr_lang.writing import finite, key_text


def to_plain(variables: Variables, value: Any, seconds: float) -> Any:
    """Give a result as plain JSON: what came from a variable as it is, dates and durations as text.

    Args:
        variables: What the expression read.
        value: What it gave.
        seconds: How long this may take.

    Raises:
        ExecutionError: JSON cannot hold it, or it would be larger than an expression may build. A value of a
            variable counts as often as it is in the result.
    """
    plain = _PLAIN.get(value.__class__)
    return value if plain is None else plain(_Result(new_frame(variables, seconds)), value)


class _Result:
    """A result that is put together.

    Args:
        frame: Counts its size.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._sizes: dict[int, int] = {}

    def inside(self, value: Any) -> Any:
        """Give a value inside of what the expression built."""
        plain = _PLAIN.get(value.__class__)
        if plain is not None:
            return plain(self, value)
        if isinstance(value, str):
            charge_text(self.frame, len(value))
        elif isinstance(value, (list, Mapping)):
            charge_text(self.frame, self._size(value))
        return value

    def _size(self, value: Any) -> int:
        size = self._sizes.get(id(value))
        if size is None:
            try:
                size = len(compact_json(value))
            except ValidationError:
                raise ExecutionError("a variable in the result is no JSON") from None
            self._sizes[id(value)] = size
        return size


def _list(result: _Result, value: Array) -> list[Any]:
    charge(result.frame, len(value))
    return [result.inside(item) for item in value]


def _table(result: _Result, value: Table) -> dict[str, Any]:
    charge(result.frame, len(value))
    return {key: result.inside(item) for key, item in value.items()}


def _groups(result: _Result, value: Groups) -> dict[str, Any]:
    charge(result.frame, len(value))
    plain = {key_text(key): result.inside(item) for key, item in value.items()}
    if len(plain) < len(value):
        raise ExecutionError("two keys of the resulting map are the same text in JSON")
    return plain


def _refuse(_: _Result, value: Any) -> Any:
    raise ExecutionError(f"the result is {a_kind(value)}, which JSON cannot hold")


_PLAIN: dict[type, Callable[[_Result, Any], Any]] = {
    float: lambda _, value: finite(value),
    Array: _list,
    NilArray: _list,
    Table: _table,
    Groups: _groups,
    Time: lambda _, value: in_layout(value, RFC3339),
    Duration: lambda _, value: duration_text(value),
    Zone: _refuse,
}
