"""CEL's math extensions, `math.abs(x)` and so on.

What CEL defines for doubles alone takes ints too, since JSON does not tell 2 from 2.0 for authors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from opcode_expr_cel.arguments import integer
from opcode_expr_cel.arithmetic import int64, uint64
from opcode_expr_cel.errors import FailedError, a_kind
from opcode_expr_cel.values import MAX_INT, MAX_UINT, Uint, as_double, kind, ordered

_BITS = 64
_NUMBERS = ("int", "uint", "double")


def greatest(*arguments: Any) -> Any:
    """`math.greatest`: the largest of numbers, or of a list of them; the first of equal ones."""
    return _best("math.greatest", ">", arguments)


def least(*arguments: Any) -> Any:
    """`math.least`: the smallest of numbers, or of a list of them; the first of equal ones."""
    return _best("math.least", "<", arguments)


def ceil(value: Any) -> float:
    """`math.ceil`: the next whole number upwards, as a double."""
    return _rounded(value, "math.ceil", math.ceil)


def floor(value: Any) -> float:
    """`math.floor`: the next whole number downwards, as a double."""
    return _rounded(value, "math.floor", math.floor)


def trunc(value: Any) -> float:
    """`math.trunc`: the whole number without the fraction, as a double."""
    return _rounded(value, "math.trunc", math.trunc)


def round_(value: Any) -> float:
    """`math.round`: the nearest whole number, halves away from zero, as a double."""
    return _rounded(value, "math.round", _half_away)


def absolute(value: Any) -> Any:
    """`math.abs`: a number without its sign."""
    match kind(value):
        case "int":
            return int64(abs(value))
        case "double":
            return abs(value)
        case "uint":
            return value
    raise _no_number(value, "math.abs")


def sign(value: Any) -> Any:
    """`math.sign`: -1, 0 or 1, of the number's own type."""
    match kind(value):
        case "int":
            return (value > 0) - (value < 0)
        case "uint":
            return Uint(min(value.value, 1))
        case "double" if math.isnan(value):
            return value
        case "double":
            return float((value > 0) - (value < 0))
    raise _no_number(value, "math.sign")


def sqrt(value: Any) -> float:
    """`math.sqrt`: the square root; NaN for negative numbers."""
    number = as_double(value.value) if isinstance(value, Uint) else _double(value, "math.sqrt")
    return math.sqrt(number) if number >= 0 else math.nan


def is_nan(value: Any) -> bool:
    """`math.isNaN`: whether a double is no number."""
    return math.isnan(_double(value, "math.isNaN"))


def is_inf(value: Any) -> bool:
    """`math.isInf`: whether a double is infinite."""
    return math.isinf(_double(value, "math.isInf"))


def is_finite(value: Any) -> bool:
    """`math.isFinite`: whether a double is neither."""
    return math.isfinite(_double(value, "math.isFinite"))


def bit_and(left: Any, right: Any) -> Any:
    """`math.bitAnd` of two ints or two uints."""
    return _bitwise(left, right, "math.bitAnd", lambda one, other: one & other)


def bit_or(left: Any, right: Any) -> Any:
    """`math.bitOr` of two ints or two uints."""
    return _bitwise(left, right, "math.bitOr", lambda one, other: one | other)


def bit_xor(left: Any, right: Any) -> Any:
    """`math.bitXor` of two ints or two uints."""
    return _bitwise(left, right, "math.bitXor", lambda one, other: one ^ other)


def bit_not(value: Any) -> Any:
    """`math.bitNot` of an int or a uint."""
    if isinstance(value, Uint):
        return Uint(value.value ^ MAX_UINT)
    return ~integer(value, "math.bitNot")


def shift_left(value: Any, count: Any) -> Any:
    """`math.bitShiftLeft`: what leaves the 64 bits is lost."""
    return _shifted(value, count, "math.bitShiftLeft", lambda bits, by: (bits << by) & MAX_UINT)


def shift_right(value: Any, count: Any) -> Any:
    """`math.bitShiftRight`: zeros come in from the left, also for negative ints."""
    return _shifted(value, count, "math.bitShiftRight", lambda bits, by: bits >> by)


def _best(name: str, symbol: str, arguments: tuple[Any, ...]) -> Any:
    numbers = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list) else arguments
    if not numbers:
        raise FailedError(f"`{name}` needs at least one number")
    best = None
    for number in numbers:
        if kind(number) not in _NUMBERS:
            raise _no_number(number, name)
        if best is None or ordered(symbol, number, best):
            best = number
    return best


def _rounded(value: Any, name: str, whole: Callable[[float], int]) -> float:
    number = _double(value, name)
    if not math.isfinite(number):
        return number
    return math.copysign(float(whole(number)), number)


def _half_away(value: float) -> int:
    low = math.floor(abs(value))
    return low + (abs(value) - low >= 0.5)  # noqa: PLR2004 - a half


def _double(value: Any, name: str) -> float:
    if kind(value) in ("int", "double"):
        return as_double(value)
    raise FailedError(f"`{name}` needs a double, not {a_kind(value)}")


def _bitwise(left: Any, right: Any, name: str, apply: Callable[[int, int], int]) -> Any:
    if isinstance(left, Uint) and isinstance(right, Uint):
        return uint64(apply(left.value, right.value))
    return apply(integer(left, name), integer(right, name))


def _shifted(value: Any, count: Any, name: str, apply: Callable[[int, int], int]) -> Any:
    by = integer(count, name)
    if by < 0:
        raise FailedError(f"`{name}` needs a count that is not negative")
    bits = value.value if isinstance(value, Uint) else integer(value, name) & MAX_UINT
    moved = apply(bits, by) if by < _BITS else 0
    if isinstance(value, Uint):
        return Uint(moved)
    return moved - MAX_UINT - 1 if moved > MAX_INT else moved


def _no_number(value: Any, name: str) -> FailedError:
    return FailedError(f"`{name}` needs numbers, not {a_kind(value)}")
