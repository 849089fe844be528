"""What the operators of two operands do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from opcode_core import ExecutionError

from opcode_expr_lang.access import map_key
from opcode_expr_lang.frame import Frame, charge, charge_text, check_time
from opcode_expr_lang.patterns import search
from opcode_expr_lang.times import Duration, Time, duration, shifted
from opcode_expr_lang.values import (
    Array,
    Groups,
    a_kind,
    equal,
    int64,
    is_nil,
    is_number,
    kind,
    text,
    whole,
)

Operator = Callable[[Any, Any, Frame], Any]

_CHUNK = 1024
"""So many items are compared between two looks at the clock."""


def add(left: Any, right: Any, frame: Frame) -> Any:
    """`+`."""
    if left.__class__ is int and right.__class__ is int:
        return int64(left + right)
    if left.__class__ is str and right.__class__ is str:
        charge_text(frame, len(left) + len(right))
        return left + right
    if is_number(left) and is_number(right):
        return left + right
    if isinstance(left, Time) and isinstance(right, Duration):
        return shifted(left, right.nanos)
    if isinstance(left, Duration) and isinstance(right, Time):
        return shifted(right, left.nanos)
    if isinstance(left, Duration) and isinstance(right, Duration):
        return duration(left.nanos + right.nanos)
    raise _unfit("+", left, right)


def subtract(left: Any, right: Any, _: Frame) -> Any:
    """`-`."""
    if left.__class__ is int and right.__class__ is int:
        return int64(left - right)
    if is_number(left) and is_number(right):
        return left - right
    if isinstance(left, Time) and isinstance(right, Duration):
        return shifted(left, -right.nanos)
    if isinstance(left, Time) and isinstance(right, Time):
        return duration(left.nanos - right.nanos)
    if isinstance(left, Duration) and isinstance(right, Duration):
        return duration(left.nanos - right.nanos)
    raise _unfit("-", left, right)


def multiply(left: Any, right: Any, _: Frame) -> Any:
    """`*`."""
    if left.__class__ is int and right.__class__ is int:
        return int64(left * right)
    if is_number(left) and is_number(right):
        return left * right
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Duration) and is_number(other):
            return duration(one.nanos * other)
    raise _unfit("*", left, right)


def divide(left: Any, right: Any, _: Frame) -> Any:
    """`/`, which always gives a float."""
    if not (is_number(left) and is_number(right)):
        raise _unfit("/", left, right)
    if right != 0:
        return float(left) / float(right)
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def modulo(left: Any, right: Any, _: Frame) -> Any:
    """`%` of integers; the result has the sign of the left one."""
    if kind(left) != "int" or kind(right) != "int":
        raise _unfit("%", left, right)
    if right == 0:
        raise ExecutionError("`%` by 0")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def power(left: Any, right: Any, _: Frame) -> Any:
    """`**`, which always gives a float."""
    if not (is_number(left) and is_number(right)):
        raise _unfit("**", left, right)
    odd = float(right).is_integer() and right % 2 == 1
    try:
        return math.pow(left, right)
    except OverflowError:
        return -math.inf if left < 0 and odd else math.inf
    except ValueError:
        if left != 0:
            return math.nan
        return math.copysign(math.inf, left) if odd else math.inf


def negate(value: Any) -> Any:
    """`-` before a value."""
    if kind(value) == "int":
        return int64(-value)
    if kind(value) == "float":
        return -value
    if isinstance(value, Duration):
        return duration(-value.nanos)
    raise ExecutionError(f"a sign before {a_kind(value)}: only a number can have one")


def less(left: Any, right: Any, _: Frame) -> Any:
    """`<`."""
    return left < right if _comparable(left, right) else _refuse("<", left, right)


def less_or_equal(left: Any, right: Any, _: Frame) -> Any:
    """`<=`."""
    return left <= right if _comparable(left, right) else _refuse("<=", left, right)


def more(left: Any, right: Any, _: Frame) -> Any:
    """`>`."""
    return right < left if _comparable(left, right) else _refuse(">", left, right)


def more_or_equal(left: Any, right: Any, _: Frame) -> Any:
    """`>=`."""
    return right <= left if _comparable(left, right) else _refuse(">=", left, right)


def contains(left: Any, right: Any, frame: Frame) -> bool:
    """`contains`; false when an operand is nil, as with its like."""
    check_time(frame)
    if is_nil(left) or is_nil(right):
        return False
    return text(right, "`contains`") in text(left, "`contains`")


def starts_with(left: Any, right: Any, _: Frame) -> bool:
    """`startsWith`."""
    if is_nil(left) or is_nil(right):
        return False
    return text(left, "`startsWith`").startswith(text(right, "`startsWith`"))


def ends_with(left: Any, right: Any, _: Frame) -> bool:
    """`endsWith`."""
    if is_nil(left) or is_nil(right):
        return False
    return text(left, "`endsWith`").endswith(text(right, "`endsWith`"))


def matches(left: Any, right: Any, frame: Frame) -> bool:
    """`matches`."""
    if is_nil(left) or is_nil(right):
        return False
    return search(frame, text(right, "`matches`"), text(left, "`matches`"))


def within(left: Any, right: Any, frame: Frame) -> bool:
    """`in`: an item of a list, or a key of a map; nothing is in nil."""
    if right is None:
        return False
    if isinstance(right, Groups):
        return left in right
    if isinstance(right, Mapping):
        return map_key(left) in right
    if not isinstance(right, list):
        raise ExecutionError(f"`in` looks into an array or a map, not into {a_kind(right)}")
    for start in range(0, len(right), _CHUNK):
        check_time(frame)
        chunk = right[start : start + _CHUNK]
        if (
            left in chunk
            if left.__class__ is str
            else any(equal(item, left, frame) for item in chunk)
        ):
            return True
    return False


def numbers_between(left: Any, right: Any, frame: Frame) -> Array:
    """`..`: the integers from one to the other, both included."""
    first, last = whole(left, "`..`"), whole(right, "`..`")
    charge(frame, max(last - first + 1, 0))
    return Array(range(first, last + 1))


def _comparable(left: Any, right: Any) -> bool:
    one, other = left.__class__, right.__class__
    if one is other:
        return one in _ORDERED
    return is_number(left) and is_number(right)


_ORDERED = frozenset({int, float, str, Time, Duration})


def _refuse(operator: str, left: Any, right: Any) -> Any:
    raise _unfit(operator, left, right)


def _unfit(operator: str, left: Any, right: Any) -> ExecutionError:
    return ExecutionError(f"`{operator}` does not go with {a_kind(left)} and {a_kind(right)}")


OPERATORS: dict[str, Operator] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
    "**": power,
    "<": less,
    "<=": less_or_equal,
    ">": more,
    ">=": more_or_equal,
    "==": equal,
    "!=": lambda left, right, frame: not equal(left, right, frame),
    "contains": contains,
    "startsWith": starts_with,
    "endsWith": ends_with,
    "matches": matches,
    "in": within,
    "..": numbers_between,
}
"""Those that always need both operands."""
SLOW = frozenset({"contains", "matches", "in", ".."})
"""Those whose time hangs on the size of their operands."""
