"""The types of CEL that JSON does not have, and equality and order over all of them.

A JSON value is itself: `None`, `bool`, `int`, `float`, `str`, `list` and any `Mapping` come from
variables and are never converted. What an expression builds is a `CelList` or a `CelMap`, so that
the engine knows which values it has to turn into plain JSON at the end.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from opcode_expr_cel.frame import Frame, check_time

MIN_INT, MAX_INT = -(2**63), 2**63 - 1
MAX_UINT = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Uint:
    """An unsigned 64-bit integer."""

    value: int


@dataclass(frozen=True, slots=True)
class Timestamp:
    """An instant, in nanoseconds since 1970-01-01T00:00:00Z."""

    nanos: int


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of time in nanoseconds."""

    nanos: int


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as a value: what `type(x)` and `int` give."""

    name: str


class CelList(list[Any]):
    """A list that an expression built."""

    __slots__ = ()


class CelMap:
    """A map that an expression built; its keys are bools, ints, uints and strings.

    Numbers that are equal are one key, and a bool is never the key of a number, which is why this
    is no `dict`.
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[Any, tuple[Any, Any]] = {}

    def add(self, key: Any, value: Any) -> bool:
        """Add an entry; False, and nothing is done, when the key is there already."""
        entries = self._entries
        if (same := _key(key)) in entries:
            return False
        entries[same] = (key, value)
        return True

    def __contains__(self, key: object) -> bool:
        return _key(key) in self._entries

    def __getitem__(self, key: Any) -> Any:
        return self._entries[_key(key)][1]

    def __iter__(self) -> Iterator[Any]:
        return iter([key for key, _ in self._entries.values()])

    def __len__(self) -> int:
        return len(self._entries)

    def items(self) -> list[tuple[Any, Any]]:
        """Give the keys as written with their values, in the order they were written."""
        return list(self._entries.values())


def _key(key: Any) -> Any:
    # bools get a key of their own (True == 1 in Python); doubles find the integers they equal
    if key is True or key is False:
        return (key,)
    if isinstance(key, Uint):
        return key.value
    if isinstance(key, float):
        return int(key) if key.is_integer() else None
    return key if isinstance(key, (int, str)) else None


_KINDS: dict[type, str] = {
    type(None): "null_type",
    bool: "bool",
    int: "int",
    Uint: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    list: "list",
    CelList: "list",
    dict: "map",
    CelMap: "map",
    Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration",
    TypeName: "type",
}
TYPE_NAMES = {name: TypeName(name) for name in _KINDS.values()}
"""The types of CEL by their names."""

_BASES: tuple[tuple[type, str], ...] = (
    (Mapping, "map"),
    (str, "string"),
    (int, "int"),
    (float, "double"),
    (list, "list"),
)
_DIRECT = frozenset({type(None), bool, int, float, str, bytes, Uint, Timestamp, Duration, TypeName})
_NUMBERS = frozenset({"int", "uint", "double"})
_ORDERED = frozenset(
    {"bool", "string", "bytes", "google.protobuf.Timestamp", "google.protobuf.Duration"}
)


def kind(value: Any) -> str:
    """Give the name of a value's CEL type; the Python name for what CEL cannot hold."""
    name = _KINDS.get(value.__class__)
    if name is not None:
        return name
    for base, base_name in _BASES:
        if isinstance(value, base):
            return base_name
    return type(value).__name__


def equal(left: Any, right: Any, frame: Frame) -> bool:
    """Whether two values are equal: numbers by their value across types, others of one type.

    Raises:
        ExhaustedError: The evaluation's time is over; a list may hold another a thousand times.
    """
    if left.__class__ is right.__class__ and left.__class__ in _DIRECT:
        return bool(left == right)
    left_kind, right_kind = kind(left), kind(right)
    if left_kind in _NUMBERS and right_kind in _NUMBERS:
        one, other = _aligned(left, right)
        return bool(one == other)
    if left_kind != right_kind:
        return False
    check_time(frame)
    if left_kind == "list":
        return len(left) == len(right) and all(map(equal, left, right, repeat(frame)))
    if left_kind == "map":
        return _maps_equal(left, right, frame)
    return bool(left == right)


def contains(holder: Any, item: Any, frame: Frame) -> bool | None:
    """Whether a list has an item or a map a key; None when `holder` is neither.

    Raises:
        ExhaustedError: The evaluation's time is over.
    """
    if isinstance(holder, list):
        if item.__class__ is str:  # a text equals nothing but texts, in Python too
            return item in holder
        return any(map(equal, repeat(item), holder, repeat(frame)))
    if isinstance(holder, CelMap):
        return item in holder
    if isinstance(holder, Mapping):
        return isinstance(item, str) and item in holder
    return None


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def ordered(symbol: str, left: Any, right: Any) -> bool | None:
    """Compare two values by `<`, `<=`, `>` or `>=`; None when they have no order."""
    left_kind, right_kind = kind(left), kind(right)
    if left_kind in _NUMBERS and right_kind in _NUMBERS:
        one, other = _aligned(left, right)
        return _ORDERS[symbol](one, other)
    if left_kind != right_kind or left_kind not in _ORDERED:
        return None
    if isinstance(left, (Timestamp, Duration)):
        return _ORDERS[symbol](left.nanos, right.nanos)
    return _ORDERS[symbol](left, right)


def plain_number(value: Any) -> int | float:
    """Give a number's Python value: a uint's is an int."""
    return value.value if isinstance(value, Uint) else value


def _aligned(left: Any, right: Any) -> tuple[int | float, int | float]:
    one, other = plain_number(left), plain_number(right)
    # CEL compares an integer with a double as doubles; Python would compare exactly
    if isinstance(one, float) != isinstance(other, float):
        return as_double(one), as_double(other)
    return one, other


def as_double(value: int | float) -> float:
    """Give a number as a double; infinity for integers no double can hold."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _maps_equal(left: Any, right: Any, frame: Frame) -> bool:
    if len(left) != len(right):
        return False
    return all(
        (isinstance(right, CelMap) or isinstance(key, str))
        and key in right
        and equal(value, right[key], frame)
        for key, value in left.items()
    )
