"""Functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from opcode_core import ExecutionError

from opcode_expr_lang.frame import Frame, charge
from opcode_expr_lang.sorting import order
from opcode_expr_lang.values import a_kind, int64, is_number, kind

_BITS = 64


def absolute(_: Frame, value: Any) -> Any:
    """`abs`."""
    number = _number(value, "abs")
    return int64(abs(number)) if isinstance(number, int) else abs(number)


def ceil(_: Frame, value: Any) -> float:
    """`ceil`: a float."""
    return _rounded(_number(value, "ceil"), math.ceil)


def floor(_: Frame, value: Any) -> float:
    """`floor`: a float."""
    return _rounded(_number(value, "floor"), math.floor)


def round_half_away(_: Frame, value: Any) -> float:
    """`round`: a float; halves go away from zero."""
    number = _number(value, "round")
    if not math.isfinite(number):
        return float(number)
    whole_part = math.trunc(number)
    up = abs(number - whole_part) >= 0.5  # noqa: PLR2004 - a half
    return math.copysign(float(abs(whole_part) + up), number)


def maximum(frame: Frame, *values: Any) -> Any:
    """`max`: of all numbers, lists gone into."""
    return _extreme(frame, "max", values, lambda best, one: one > best)


def minimum(frame: Frame, *values: Any) -> Any:
    """`min`."""
    return _extreme(frame, "min", values, lambda best, one: one < best)


def mean(frame: Frame, *values: Any) -> float:
    """`mean`: a float, 0 of nothing."""
    numbers = [float(one) for one in _numbers(frame, "mean", values)]
    return sum(numbers) / len(numbers) if numbers else 0.0


def median(frame: Frame, *values: Any) -> float:
    """`median`: a float, 0 of nothing."""
    numbers = [float(one) for one in _numbers(frame, "median", values)]
    if not numbers:
        return 0.0
    places, middle = order(frame, numbers, descending=False), len(numbers) // 2
    if len(numbers) % 2:
        return numbers[places[middle]]
    return (numbers[places[middle - 1]] + numbers[places[middle]]) / 2


def bit_not(_: Frame, value: Any) -> int:
    """`bitnot`."""
    return ~_integer(value, "bitnot")


def _number(value: Any, name: str) -> int | float:
    if not is_number(value):
        raise ExecutionError(f"`{name}` needs a number, not {a_kind(value)}")
    return value  # type: ignore[no-any-return]


def _rounded(number: float, how: Callable[[float], int]) -> float:
    if not math.isfinite(number):
        return float(number)
    return math.copysign(float(how(number)), number)


def _numbers(frame: Frame, name: str, values: tuple[Any, ...]) -> Iterator[int | float]:
    """Go through numbers and into lists, without recursion."""
    stack = [iter(values)]
    while stack:
        for value in stack[-1]:
            if is_number(value):
                yield value
            elif kind(value) == "array":
                charge(frame, len(value))
                stack.append(iter(value))
                break
            else:
                raise ExecutionError(f"`{name}` needs numbers, not {a_kind(value)}")
        else:
            stack.pop()


def _extreme(
    frame: Frame, name: str, values: tuple[Any, ...], better: Callable[[Any, Any], bool]
) -> Any:
    if len(values) == 1 and kind(values[0]) != "array":
        return values[0]
    best: Any = None
    for one in _numbers(frame, name, values):
        if best is None or better(best, one):
            best = one
    return best


def _integer(value: Any, name: str) -> int:
    if kind(value) != "int":
        raise ExecutionError(f"`{name}` needs an int, not {a_kind(value)}: int(x) makes one")
    return int(value)


def _signed(value: int) -> int:
    """Cut an integer to 64 bits."""
    value &= (1 << _BITS) - 1
    return value - (1 << _BITS) if value >> (_BITS - 1) else value


def _places(by: int, name: str) -> int:
    if by < 0:
        raise ExecutionError(f"`{name}` cannot shift by a negative number")
    return min(by, _BITS)


_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "bitand": lambda left, right: left & right,
    "bitor": lambda left, right: left | right,
    "bitxor": lambda left, right: left ^ right,
    "bitnand": lambda left, right: left & ~right,
    "bitshl": lambda left, right: _signed(left << _places(right, "bitshl")),
    "bitshr": lambda left, right: left >> _places(right, "bitshr"),
    "bitushr": lambda left, right: _signed(
        (left & ((1 << _BITS) - 1)) >> _places(right, "bitushr")
    ),
}


def _bits(name: str) -> Callable[..., int]:
    operation = _OPERATIONS[name]
    return lambda _, left, right: operation(_integer(left, name), _integer(right, name))


BITS = {name: _bits(name) for name in _OPERATIONS}
"""The functions of two integers by their bits."""
