"""From a syntax tree to closures: one function for each kind of node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opcode_core import ExpressionLimits

from opcode_expr_lang import compile_chain, compile_operators
from opcode_expr_lang.compile_calls import call
from opcode_expr_lang.compile_predicates import pointer
from opcode_expr_lang.frame import Code, Frame, charge
from opcode_expr_lang.functions import FUNCTIONS
from opcode_expr_lang.nodes import (
    Block,
    Call,
    Choice,
    Constant,
    Fold,
    Let,
    ListOf,
    MapOf,
    Name,
    Node,
    Pointer,
    Postfix,
    Prefixed,
)
from opcode_expr_lang.operand import PREDICATES
from opcode_expr_lang.operators import negate
from opcode_expr_lang.parser import parse
from opcode_expr_lang.scope import Scope
from opcode_expr_lang.values import Array, Table, boolean, is_number, text

_RESERVED = frozenset({*FUNCTIONS, *PREDICATES, "true", "false", "nil"})


def compile_source(
    source: str, names: Mapping[str, str], limits: ExpressionLimits
) -> tuple[Code, Scope]:
    """Compile a source; give what runs it and what is known about it.

    Args:
        source: The source.
        names: Each identifier that may be read, with the variable it stands for.
        limits: How large it may be, and how deep its brackets may be nested.

    Raises:
        ExpressionSyntaxError: It is no expression, too large or nested too deep, or names a variable or a
            function that does not exist.
    """
    scope = Scope(names, _compile)
    return scope.code(parse(source, limits)), scope


def _compile(scope: Scope, node: Node) -> Code:
    return _FAMILIES[type(node)](scope, node)


def _constant(_: Scope, node: Constant) -> Code:
    value = node.value
    return lambda _: value


def _list_of(scope: Scope, node: ListOf) -> Code:
    codes = [scope.code(item) for item in node.items]

    def run(frame: Frame) -> Any:
        charge(frame, len(codes))
        return Array([code(frame) for code in codes])

    return run


def _map_of(scope: Scope, node: MapOf) -> Code:
    entries = [(scope.code(key), scope.code(value)) for key, value in node.entries]

    def run(frame: Frame) -> Any:
        charge(frame, len(entries))
        built = Table()
        for key, value in entries:  # of equal keys the first one counts
            built.setdefault(text(key(frame), "a key of a map"), value(frame))
        return built

    return run


def _block(scope: Scope, node: Block) -> Code:
    steps: list[tuple[int | None, Code]] = []
    with scope.block():
        for statement in node.statements:
            if isinstance(statement, Let):
                code = scope.code(statement.value)
                slot = scope.declare(statement.name, statement.offset, _RESERVED)
                steps.append((slot, code))
            else:
                steps.append((None, scope.code(statement)))

    def run(frame: Frame) -> Any:
        value = None
        for slot, code in steps:
            value = code(frame)
            if slot is not None:
                frame[slot] = value
        return value

    return run


def _choice(scope: Scope, node: Choice) -> Code:
    branches = [
        (scope.code(condition), None if then is None else scope.code(then))
        for condition, then in node.branches
    ]
    otherwise = scope.code(node.otherwise)

    def run(frame: Frame) -> Any:
        for condition, then in branches:
            if boolean(condition(frame), "a condition"):
                return True if then is None else then(frame)
        return otherwise(frame)

    return run


def _prefixed(scope: Scope, node: Prefixed) -> Code:
    code, odd = scope.code(node.operand), node.times % 2 == 1
    if node.operator == "not":
        return lambda frame: boolean(code(frame), "`not`") is not odd
    if node.operator == "-":
        return lambda frame: negate(code(frame)) if odd else negate(negate(code(frame)))

    def plus(frame: Frame) -> Any:
        value = code(frame)
        if is_number(value):
            return value
        return negate(value)

    return plus


_FAMILIES: dict[type, Callable[[Scope, Any], Code]] = {
    Constant: _constant,
    Name: compile_chain.name,
    Pointer: pointer,
    Call: call,
    Postfix: compile_chain.chain,
    ListOf: _list_of,
    MapOf: _map_of,
    Block: _block,
    Choice: _choice,
    Prefixed: _prefixed,
    Fold: compile_operators.fold,
}
