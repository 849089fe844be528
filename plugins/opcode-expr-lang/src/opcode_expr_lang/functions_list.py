"""Functions of lists, and of what has a length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opcode_core import ExecutionError

from opcode_expr_lang.access import look_up
from opcode_expr_lang.frame import Frame, charge, check_time
from opcode_expr_lang.sorting import is_descending, order
from opcode_expr_lang.values import Array, Groups, NilArray, a_kind, array, equal, kind, whole

_CHUNK = 256
_SCALARS = frozenset({"nil", "bool", "int", "float", "string"})


def length(_: Frame, value: Any) -> int:
    """`len`: of a list, a map, or a text in characters."""
    if isinstance(value, (str, list, Mapping)):
        return len(value)
    raise ExecutionError(f"`len` needs an array, a map or a string, not {a_kind(value)}")


def first(frame: Frame, value: Any) -> Any:
    """`first`: nil when there is none."""
    return get(frame, value, 0)


def last(frame: Frame, value: Any) -> Any:
    """`last`: nil when there is none."""
    return get(frame, value, -1)


def get(_: Frame, value: Any, key: Any) -> Any:
    """`get`: what is there for a key or an index, nil when nothing is."""
    try:
        if isinstance(value, Groups):
            return value.get(key)
        if isinstance(value, Mapping):
            return look_up(value, key)
        if not isinstance(value, (list, str)):
            return None
        index = whole(key, "get")
    except ExecutionError:
        return None
    if not -len(value) <= index < len(value):
        return None
    return ord(value[index]) if isinstance(value, str) else value[index]


def take(frame: Frame, value: Any, count: Any) -> list[Any]:
    """`take`: the first so many items."""
    items = array(value, "take")
    if kind(count) != "int":
        raise ExecutionError(f"`take` needs an int, not {a_kind(count)}")
    if count < 0:
        raise ExecutionError("`take` needs a number that is not negative")
    charge(frame, min(count, len(items)))
    return Array(items[:count])


def concat(frame: Frame, *values: Any) -> Array:
    """`concat`: one list of all."""
    built = Array()
    for value in values:
        items = array(value, "concat")
        charge(frame, len(items))
        built += items
    return built


def flatten(frame: Frame, value: Any) -> Array:
    """`flatten`: one list of all that is in lists of lists."""
    built = Array()
    stack: list[Iterator[Any]] = [iter(array(value, "flatten"))]
    charge(frame, len(value))
    while stack:
        for item in stack[-1]:
            if kind(item) == "array":
                charge(frame, len(item))
                stack.append(iter(item))
                break
            built.append(item)
        else:
            stack.pop()
    return built


def reverse(frame: Frame, value: Any) -> Array:
    """`reverse`."""
    items = array(value, "reverse")
    charge(frame, len(items))
    return Array(reversed(items))


def uniq(frame: Frame, value: Any) -> Array:
    """`uniq`: each value once, where it stands first."""
    items = array(value, "uniq")
    charge(frame, len(items))
    built, seen, others = Array(), set(), Array()
    for at, item in enumerate(items):
        if not at % _CHUNK:
            check_time(frame)
        name = kind(item)
        if name in _SCALARS:
            key = (name == "bool", item)  # 1 and 1.0 are equal, 1 and true are not
            if key in seen:
                continue
            seen.add(key)
        else:
            check_time(frame)
            if any(equal(item, other, frame) for other in others):
                continue
            others.append(item)
        built.append(item)
    return built


def sort(frame: Frame, value: Any, said: Any = "asc") -> Array:
    """`sort`: numbers, texts, dates or durations; of what is no list, nothing."""
    descending = is_descending(said)
    if kind(value) != "array":
        return NilArray()
    items = array(value, "sort")
    charge(frame, len(items))
    return Array([items[at] for at in order(frame, items, descending=descending)])
