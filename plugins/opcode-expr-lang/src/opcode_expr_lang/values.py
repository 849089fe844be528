"""What values there are: plain JSON, and what only lives inside an evaluation.

JSON values are taken as they are. Lists and maps that an expression builds are of classes of their own, so
that a result that came whole from a variable need not be looked through.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from opcode_core import ExecutionError

from opcode_expr_lang.frame import Frame, check_time
from opcode_expr_lang.times import Duration, Time, Zone

MIN_INT, MAX_INT = -(2**63), 2**63 - 1


class Array(list[Any]):
    """A list that an expression built."""


class NilArray(Array):
    """The list that `groupBy` has for a key that is not there: empty, and nil where nil is asked for."""


class Table(dict[str, Any]):
    """A map that an expression built; its keys are texts."""


class Groups(Mapping[Any, Any]):
    """A map whose keys may be any scalar: what `groupBy` and `fromPairs` give.

    1, 1.0 and true are three keys, as they are not in a dict.

    Args:
        missing: What is there for a key that is not.
    """

    __slots__ = ("_entries", "missing")

    def __init__(self, missing: Any = None) -> None:
        self._entries: dict[tuple[type, Any], Any] = {}
        self.missing = missing

    def __getitem__(self, key: Any) -> Any:
        return self._entries[_typed(key)]

    def __iter__(self) -> Iterator[Any]:
        return (key for _, key in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Any, default: Any = None) -> Any:
        """Give what is there for a key."""
        return self._entries.get(_typed(key), default)

    def put(self, key: Any, value: Any) -> None:
        """Set what is there for a key."""
        self._entries[_typed(key)] = value

    def group(self, key: Any, item: Any) -> None:
        """Append an item to the list that is there for a key."""
        self._entries.setdefault(_typed(key), Array()).append(item)


def _typed(key: Any) -> tuple[type, Any]:
    if kind(key) in ("array", "map"):
        raise ExecutionError("a list or a map cannot be the key of a map: use a text or a number")
    return key.__class__, key


_KINDS: dict[type, str] = {
    type(None): "nil",
    bool: "bool",
    int: "int",
    float: "float",
    str: "string",
    list: "array",
    Array: "array",
    NilArray: "array",
    dict: "map",
    Table: "map",
    Groups: "map",
    Time: "time.Time",
    Duration: "time.Duration",
    Zone: "time.Location",
}


def kind(value: Any) -> str:
    """Give the name of a value's type, as `type(x)` says it."""
    found = _KINDS.get(value.__class__)
    if found is not None:
        return found
    for known, name in ((Mapping, "map"), (list, "array"), (bool, "bool"), (int, "int")):
        if isinstance(value, known):
            return name
    return (
        "string" if isinstance(value, str) else "float" if isinstance(value, float) else "unknown"
    )


def a_kind(value: Any) -> str:
    """Give a value's type as messages say it: `an int`, `nil`."""
    name = kind(value)
    return name if name == "nil" else f"an {name}" if name[0] in "ai" else f"a {name}"


def is_nil(value: Any) -> bool:
    """Whether a value is nil where nil is asked for."""
    return value is None or value.__class__ is NilArray


def is_number(value: Any) -> bool:
    """Whether a value is an int or a float; a bool is not."""
    return value.__class__ in (int, float) or kind(value) in ("int", "float")


def int64(value: int) -> int:
    """Give an integer that fits 64 bits.

    Raises:
        ExecutionError: It does not.
    """
    if MIN_INT <= value <= MAX_INT:
        return value
    raise ExecutionError("the result is an integer beyond 64 bits: use float(x) for such sizes")


def boolean(value: Any, what: str) -> bool:
    """Give a value that has to be a boolean.

    Args:
        value: The value.
        what: What wants it, for the message.

    Raises:
        ExecutionError: It is none.
    """
    if value is True or value is False:
        return value
    raise ExecutionError(f"{what} needs true or false, not {a_kind(value)}")


def text(value: Any, what: str) -> str:
    """Give a value that has to be a text.

    Raises:
        ExecutionError: It is none.
    """
    if isinstance(value, str):
        return value
    raise ExecutionError(f"{what} needs a string, not {a_kind(value)}: string(x) makes one")


def array(value: Any, what: str) -> list[Any]:
    """Give a value that has to be a list.

    Raises:
        ExecutionError: It is none.
    """
    if kind(value) == "array":
        return value  # type: ignore[no-any-return]
    raise ExecutionError(f"{what} needs an array, not {a_kind(value)}")


def whole(value: Any, what: str) -> int:
    """Give a number as an integer, a float without its fraction.

    Raises:
        ExecutionError: It is no number, or beyond 64 bits.
    """
    found = kind(value)
    if found == "int":
        return int(value)
    if found != "float":
        raise ExecutionError(f"{what} needs a number, not {a_kind(value)}")
    if not math.isfinite(value):
        raise ExecutionError(f"{what} needs a finite number")
    return int64(int(value))


def equal(left: Any, right: Any, frame: Frame) -> bool:
    """Whether two values are equal: 1 and 1.0 are, 1 and true are not."""
    if left is None or right is None:
        return is_nil(left) and is_nil(right)
    one, other = kind(left), kind(right)
    if one != other:
        return {one, other} == {"int", "float"} and bool(left == right)
    if one == "array":
        check_time(frame)
        return len(left) == len(right) and all(
            equal(a, b, frame) for a, b in zip(left, right, strict=False)
        )
    if one == "map":
        check_time(frame)
        return len(left) == len(right) and all(
            key in right and equal(value, right[key], frame) for key, value in left.items()
        )
    return bool(left == right)
