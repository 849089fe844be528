"""From a syntax tree to closures: one function for each kind of node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opcode_core import ExpressionLimits, ExpressionSyntaxError

from opcode_expr_cel import compile_calls, compile_chain, compile_logic, compile_operators
from opcode_expr_cel.frame import Code
from opcode_expr_cel.nodes import (
    Call,
    Choice,
    Constant,
    Fold,
    Item,
    Junction,
    ListOf,
    MapOf,
    Member,
    Message,
    Name,
    Node,
    Postfix,
    Prefixed,
)
from opcode_expr_cel.parse import parse
from opcode_expr_cel.reading import has_member
from opcode_expr_cel.scope import Scope


def compile_source(
    source: str, names: Mapping[str, str], limits: ExpressionLimits
) -> tuple[Code, Scope]:
    """Compile a source; give what runs it and what is known about it.

    Args:
        source: The source.
        names: Each identifier that may be read, with the variable it stands for.
        limits: How large it may be, and how deep its brackets may be nested.

    Raises:
        ExpressionSyntaxError: It is no CEL, too large or nested too deep; it names a variable or
            function that does not exist, or uses one in a way that cannot work.
    """
    scope = Scope(source, names, _compile)
    code = scope.code(parse(source, limits))
    if scope.unknown:
        raise scope.unknown[0]
    return code, scope


def _compile(scope: Scope, node: Node) -> Code:
    return _FAMILIES[type(node)](scope, node)


def _constant(_: Scope, node: Constant) -> Code:
    value = node.value
    return lambda _: value


def _call(scope: Scope, node: Call) -> Code:
    if node.name != "has":
        return compile_calls.plain_call(scope, node)
    last = None
    if len(node.arguments) == 1 and isinstance(argument := node.arguments[0], Postfix):
        *before, last = argument.parts
        holder = Postfix(argument.base, tuple(before))
    name = _member_name(last)
    if name is None:
        raise ExpressionSyntaxError(
            "`has` takes a member to look for, as in has(inputs.name)", node.offset
        )
    label = compile_chain.label_of(holder)
    code = scope.code(holder)
    return lambda frame: has_member(code(frame), name, label)


def _member_name(part: object) -> str | None:
    if isinstance(part, Member):
        return part.name
    if isinstance(part, Item) and isinstance(part.key, Constant):
        return part.key.value if isinstance(part.key.value, str) else None
    return None


_FAMILIES: dict[type, Callable[[Scope, Any], Code]] = {
    Constant: _constant,
    Name: compile_chain.name,
    Call: _call,
    Postfix: compile_chain.chain,
    ListOf: compile_logic.list_of,
    MapOf: compile_logic.map_of,
    Message: compile_calls.message,
    Prefixed: compile_logic.prefixed,
    Junction: compile_logic.junction,
    Fold: compile_operators.fold,
    Choice: compile_logic.choice,
}
