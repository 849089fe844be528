"""Compiling operators of two operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opcode_core import ExecutionError, ExpressionSyntaxError

from opcode_expr_lang.frame import Code, Frame
from opcode_expr_lang.nodes import Constant, Fold, Node, Step
from opcode_expr_lang.operators import OPERATORS, SLOW
from opcode_expr_lang.patterns import compiled
from opcode_expr_lang.scope import Scope
from opcode_expr_lang.values import boolean, is_nil


def _left(_: Frame) -> Any:
    """Stands for what is on the left."""


_Turn = Callable[[Frame, Any], Any]
"""Makes of what stands to the left, with an operand of its own, the next value."""


def fold(scope: Scope, node: Fold) -> Code:
    """Compile a chain of operators."""
    base = scope.code(node.base)
    before: Node | None = node.base
    turns: list[_Turn] = []
    for step in node.steps:
        decided = _decided(step)
        if decided is None:
            turns.append(_turn(scope, before, step))
        elif decided is not _left:
            base, turns = decided, []
        before = None
    if not turns:
        return base
    if len(turns) == 1:
        only = turns[0]
        return lambda frame: only(frame, base(frame))

    def run(frame: Frame) -> Any:
        value = base(frame)
        for turn in turns:
            value = turn(frame, value)
        return value

    return run


def _decided(step: Step) -> Code | None:
    """What a literal decides whatever stands to its left: `x or true`, `x and false`; `x and true` is x itself."""
    operand, operator = step.operand, step.operator
    if operator not in _LAZY or operator == "??" or not isinstance(operand, Constant):
        return None
    if operand.value is not True and operand.value is not False:
        return None
    settles = operand.value is (operator in ("or", "||"))
    value = operand.value
    return (lambda _: value) if settles else _left


def _turn(scope: Scope, before: Node | None, step: Step) -> _Turn:
    operand = scope.code(step.operand)
    make = _LAZY.get(step.operator)
    if make is not None:
        return make(operand)
    if step.chained:
        return _comparisons(scope, step, operand)
    _note_cost(scope, before, step)
    operator = OPERATORS[step.operator]
    if step.negated:
        return lambda frame, left: not operator(left, operand(frame), frame)
    return lambda frame, left: operator(left, operand(frame), frame)


def _note_cost(scope: Scope, before: Node | None, step: Step) -> None:
    # with a literal on one side `==` ends at once; two variables may both be large
    literal = isinstance(before, Constant) or isinstance(step.operand, Constant)
    if step.operator in SLOW or (step.operator in ("==", "!=") and not literal):
        scope.quick = False
    if step.operator == "matches" and isinstance(step.operand, Constant):
        _check_pattern(step.operand)


def _check_pattern(node: Constant) -> None:
    if not isinstance(node.value, str):
        return
    try:
        compiled(node.value)
    except ExecutionError as error:
        raise ExpressionSyntaxError(error.message, node.offset) from None


def _comparisons(scope: Scope, step: Step, operand: Code) -> _Turn:
    links = [(OPERATORS[step.operator], operand)]
    links += [(OPERATORS[operator], scope.code(node)) for operator, node in step.chained]

    def turn(frame: Frame, left: Any) -> Any:
        for operator, code in links:
            right = code(frame)
            if not operator(left, right, frame):
                return False
            left = right
        return True

    return turn


def _or(operand: Code) -> _Turn:
    return lambda frame, left: boolean(left, "`or`") or operand(frame)


def _and(operand: Code) -> _Turn:
    return lambda frame, left: boolean(left, "`and`") and operand(frame)


def _coalesce(operand: Code) -> _Turn:
    return lambda frame, left: operand(frame) if is_nil(left) else left


_LAZY: dict[str, Callable[[Code], _Turn]] = {
    "or": _or,
    "||": _or,
    "and": _and,
    "&&": _and,
    "??": _coalesce,
}
