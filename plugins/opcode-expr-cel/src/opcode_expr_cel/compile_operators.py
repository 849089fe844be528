"""Comparisons, `in`, and arithmetic: a fast path for what JSON mostly holds, the rest by type."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from opcode_expr_cel.arithmetic import combined
from opcode_expr_cel.errors import FailedError, a_kind
from opcode_expr_cel.frame import Code, Frame
from opcode_expr_cel.nodes import Constant, Fold, Node
from opcode_expr_cel.scope import Scope
from opcode_expr_cel.values import MAX_INT, MIN_INT, contains, equal, ordered

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WHOLE: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_ALIKE = frozenset({int, float, str})


def fold(scope: Scope, node: Fold) -> Code:
    """Compile operators of one rank, from left to right."""
    left = scope.code(node.first)
    if len(node.rest) == 1:
        ((symbol, right),) = node.rest
        return _binary(symbol, left, right, scope.code(right))
    steps = tuple([(symbol, scope.code(right)) for symbol, right in node.rest])

    def run(frame: Frame) -> Any:
        value = left(frame)
        for symbol, right in steps:
            value = _applied(symbol, value, right(frame), frame)
        return value

    return run


def _binary(symbol: str, left: Code, node: Node, right: Code) -> Code:
    if symbol in ("==", "!="):
        return _equality(left, node, right, wanted=symbol == "==")
    if symbol in _ORDERS:
        return _order(symbol, left, node, right)
    if symbol == "in":
        return lambda frame: _in(left(frame), right(frame), frame)
    if symbol in _WHOLE:
        return _arithmetic(symbol, left, right)
    return lambda frame: combined(symbol, left(frame), right(frame), frame)


def _equality(left: Code, node: Node, right: Code, *, wanted: bool) -> Code:
    if isinstance(node, Constant) and isinstance(node.value, str):
        text = node.value  # nothing but a string equals a string in Python either
        if wanted:
            return lambda frame: left(frame) == text
        return lambda frame: left(frame) != text

    def run(frame: Frame) -> bool:
        one = left(frame)
        other = right(frame)
        kind = one.__class__
        if kind is other.__class__ and (kind is int or kind is str):
            return (one == other) is wanted
        return equal(one, other, frame) is wanted

    return run


def _order(symbol: str, left: Code, node: Node, right: Code) -> Code:
    if isinstance(node, Constant) and node.value.__class__ in _ALIKE:
        return _ordered_constant(symbol, left, node.value)
    test = _ORDERS[symbol]

    def run(frame: Frame) -> bool:
        one = left(frame)
        other = right(frame)
        if one.__class__ is other.__class__ and one.__class__ in _ALIKE:
            return test(one, other)
        return _ordered(symbol, one, other)

    return run


def _ordered_constant(symbol: str, left: Code, constant: Any) -> Code:
    test = _ORDERS[symbol]
    kind = constant.__class__

    def run(frame: Frame) -> bool:
        one = left(frame)
        if one.__class__ is kind:
            return test(one, constant)
        return _ordered(symbol, one, constant)

    return run


def _arithmetic(symbol: str, left: Code, right: Code) -> Code:
    apply = _WHOLE[symbol]

    def run(frame: Frame) -> Any:
        one = left(frame)
        other = right(frame)
        if one.__class__ is int and other.__class__ is int:
            result = apply(one, other)
            if MIN_INT <= result <= MAX_INT:
                return result
        return combined(symbol, one, other, frame)

    return run


def _applied(symbol: str, left: Any, right: Any, frame: Frame) -> Any:
    if symbol == "==":
        return equal(left, right, frame)
    if symbol == "!=":
        return not equal(left, right, frame)
    if symbol in _ORDERS:
        return _ordered(symbol, left, right)
    if symbol == "in":
        return _in(left, right, frame)
    return combined(symbol, left, right, frame)


def _ordered(symbol: str, left: Any, right: Any) -> bool:
    result = ordered(symbol, left, right)
    if result is None:
        raise FailedError(f"`{symbol}` cannot compare {a_kind(left)} with {a_kind(right)}")
    return result


def _in(item: Any, holder: Any, frame: Frame) -> bool:
    result = contains(holder, item, frame)
    if result is None:
        raise FailedError(f"`in` needs a list or a map, not {a_kind(holder)}")
    return result
