"""`+ - * / % -x` over all types that have them, beyond the fast path of two ints."""

from __future__ import annotations

import math
from typing import Any

from opcode_expr_cel.errors import FailedError, a_kind
from opcode_expr_cel.frame import Frame, charge
from opcode_expr_cel.times import instant, span
from opcode_expr_cel.values import (
    MAX_INT,
    MAX_UINT,
    MIN_INT,
    CelList,
    Duration,
    Timestamp,
    Uint,
    as_double,
    kind,
)


def int64(value: int) -> int:
    """Give an int that CEL can hold.

    Raises:
        FailedError: It is beyond 64 bits.
    """
    if MIN_INT <= value <= MAX_INT:
        return value
    raise FailedError("the result is beyond 64 bits")


def uint64(value: int) -> Uint:
    """Give a uint that CEL can hold.

    Raises:
        FailedError: It is negative or beyond 64 bits.
    """
    if 0 <= value <= MAX_UINT:
        return Uint(value)
    raise FailedError("the result is no unsigned 64-bit integer")


def negative(value: Any) -> Any:
    """Give `-x` of an int or a double.

    Raises:
        FailedError: It is neither, or beyond 64 bits.
    """
    match kind(value):
        case "int":
            return int64(-value)
        case "double":
            return -value
    raise FailedError(f"`-` needs a number, not {a_kind(value)}")


def combined(symbol: str, left: Any, right: Any, frame: Frame) -> Any:
    """Give the result of `+`, `-`, `*`, `/` or `%`.

    Raises:
        FailedError: The types do not combine, the result is out of range, or a division by zero.
        ExhaustedError: A text or list becomes too large.
    """
    kinds = kind(left), kind(right)
    if kinds == ("int", "int"):
        return int64(_whole(symbol, left, right))
    if kinds == ("uint", "uint"):
        return uint64(_whole(symbol, left.value, right.value))
    if symbol != "%" and kinds in _DOUBLES:
        return _double(symbol, as_double(left), as_double(right))
    if symbol == "+" and kinds[0] == kinds[1] and kinds[0] in ("string", "bytes", "list"):
        charge(frame, len(left) + len(right))  # before it is made
        return CelList([*left, *right]) if kinds[0] == "list" else left + right
    if symbol in ("+", "-"):
        moved = _moved(symbol, left, right)
        if moved is not None:
            return moved
    raise FailedError(f"`{symbol}` cannot combine {a_kind(left)} and {a_kind(right)}")


_DOUBLES = frozenset({("double", "double"), ("int", "double"), ("double", "int")})


def _whole(symbol: str, left: int, right: int) -> int:
    if symbol == "+":
        return left + right
    if symbol == "-":
        return left - right
    if symbol == "*":
        return left * right
    if right == 0:
        raise FailedError("division by zero")
    # towards zero, and the remainder has the sign of the dividend; Python rounds down
    quotient = abs(left) // abs(right)
    if (left < 0) != (right < 0):
        quotient = -quotient
    return quotient if symbol == "/" else left - right * quotient


def _double(symbol: str, left: float, right: float) -> float:
    if symbol == "+":
        return left + right
    if symbol == "-":
        return left - right
    if symbol == "*":
        return left * right
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _moved(symbol: str, left: Any, right: Any) -> Timestamp | Duration | None:
    if isinstance(right, Duration):
        nanos = right.nanos if symbol == "+" else -right.nanos
        if isinstance(left, Timestamp):
            return instant(left.nanos + nanos)
        if isinstance(left, Duration):
            return span(left.nanos + nanos)
    if isinstance(right, Timestamp):
        if isinstance(left, Duration) and symbol == "+":
            return instant(left.nanos + right.nanos)
        if isinstance(left, Timestamp) and symbol == "-":
            return span(left.nanos - right.nanos)
    return None
