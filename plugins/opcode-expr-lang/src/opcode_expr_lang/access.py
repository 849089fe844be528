"""Reading into values: members, items, slices, and the methods of dates and durations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opcode_core import ExecutionError

from opcode_expr_lang.frame import Frame, charge, charge_text
from opcode_expr_lang.time_methods import METHODS
from opcode_expr_lang.values import Array, Groups, a_kind, kind, whole

Label = Callable[[], str]
"""Says what is looked into, as the source does."""


def member(value: Any, name: str, label: Label) -> Any:
    """Give `value.name`; nil when a map has no such key.

    Raises:
        ExecutionError: The value is no map.
    """
    if isinstance(value, Groups):
        return value.get(name, value.missing)
    if isinstance(value, Mapping):
        return value.get(name)
    if value is None:
        raise ExecutionError(f"{label()} is nil: it has no `{name}`; `?.` gives nil instead")
    if name in METHODS.get(kind(value), {}):
        raise ExecutionError(f"`{name}` of {a_kind(value)} is a method: write .{name}()")
    raise ExecutionError(f"{label()} is {a_kind(value)}: it has no `{name}`")


def fetch(value: Any, key: Any, label: Label) -> Any:
    """Give `value[key]`: of a map nil when the key is not there, of a list counted from the end below 0.

    Raises:
        ExecutionError: There is no such item.
    """
    if isinstance(value, Mapping):
        return look_up(value, key)
    if isinstance(value, (list, str)):
        index = whole(key, "an index")
        if not -len(value) <= index < len(value):
            raise ExecutionError(
                f"{label()} has {len(value)} items, counted from 0: the index is out of range"
            )
        item = value[index]
        return ord(item) if isinstance(value, str) else item
    if value is None:
        raise ExecutionError(f"{label()} is nil: it has no items; `?.[` gives nil instead")
    raise ExecutionError(f"{label()} is {a_kind(value)}: it has no items")


def look_up(value: Mapping[Any, Any], key: Any) -> Any:
    """Give what a map has for a key.

    Raises:
        ExecutionError: The map cannot have such a key.
    """
    if isinstance(value, Groups):
        return value.get(key, value.missing)
    return value.get(map_key(key))


def map_key(key: Any) -> str:
    """Give a key for a map whose keys are texts; nil stands for the empty one.

    Raises:
        ExecutionError: It is no text.
    """
    if isinstance(key, str):
        return key
    if key is None:
        return ""
    raise ExecutionError(f"the keys of this map are strings, not {a_kind(key)}: use string(x)")


def sliced(frame: Frame, value: Any, start: Any, end: Any, given: tuple[Any, Any]) -> Any:
    """Give `value[start:end]`; what is beyond an end is cut.

    Args:
        frame: The evaluation.
        value: A list or a text.
        start: The first item.
        end: The item after the last.
        given: Whether start and end were written.

    Raises:
        ExecutionError: It cannot be cut.
    """
    if not isinstance(value, (list, str)):
        raise ExecutionError(f"only an array or a string can be sliced, not {a_kind(value)}")
    size = len(value)
    first = _place(start, size) if given[0] else 0
    last = min(_place(end, size), size) if given[1] else size
    first = min(first, last)
    if isinstance(value, str):
        charge_text(frame, last - first)
        return value[first:last]
    charge(frame, last - first)
    return Array(value[first:last])


def call_method(value: Any, name: str, arguments: list[Any], label: Label) -> Any:
    """Call a method of a date or a duration.

    Raises:
        ExecutionError: There is none of this name, or it takes other arguments.
    """
    methods = METHODS.get(kind(value))
    if methods is None:
        raise ExecutionError(f"{label()} is {a_kind(value)}: `{name}` of it cannot be called")
    if name not in methods:
        raise ExecutionError(f"{a_kind(value)} has no method `{name}`: it has {', '.join(methods)}")
    method, wanted = methods[name]
    if [kind(argument) for argument in arguments] != list(wanted):
        takes = ", ".join(wanted) or "nothing"
        raise ExecutionError(f"`{name}` of {a_kind(value)} takes {takes}")
    return method(value, *arguments)


def _place(index: Any, size: int) -> int:
    place = whole(index, "an end of a slice")
    return max(place + size, 0) if place < 0 else place
