"""Compiling calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opcode_core import ExecutionError, ExpressionSyntaxError

from opcode_expr_lang.compile_predicates import predicate_call
from opcode_expr_lang.frame import Code, Frame
from opcode_expr_lang.functions import ANY_NUMBER, FUNCTIONS
from opcode_expr_lang.nodes import Call
from opcode_expr_lang.operand import PREDICATES
from opcode_expr_lang.scope import Scope, nearest, shortened


def call(scope: Scope, node: Call) -> Code:
    """Compile a call.

    Raises:
        ExpressionSyntaxError: There is no such function, or it takes another number of arguments.
    """
    if node.name in PREDICATES:
        _check_count(node, *PREDICATES[node.name])
        return predicate_call(scope, node)
    function = FUNCTIONS.get(node.name)
    if function is None:
        return _no_function(scope, node)
    _check_count(node, function.least, function.most)
    scope.quick = scope.quick and function.quick
    return _called(function.run, [scope.code(argument) for argument in node.arguments])


def _called(run: Callable[..., Any], codes: list[Code]) -> Code:
    if len(codes) == 1:
        only = codes[0]
        return lambda frame: run(frame, only(frame))
    if len(codes) == 2:  # noqa: PLR2004 - one of the two usual numbers of arguments
        first, second = codes
        return lambda frame: run(frame, first(frame), second(frame))
    return lambda frame: run(frame, *[code(frame) for code in codes])


def _no_function(scope: Scope, node: Call) -> Code:
    known = [*FUNCTIONS, *PREDICATES]
    said = shortened(node.name)
    if node.name not in scope.names and scope.local(node.name) is None:
        close = nearest(node.name, known)
        hint = f": did you mean `{close}`?" if close else ""
        raise ExpressionSyntaxError(f"there is no function `{said}`{hint}", node.offset)
    for argument in node.arguments:
        scope.code(argument)

    def refuse(_: Frame) -> Any:
        raise ExecutionError(f"`{said}` is a variable and cannot be called")

    return refuse


def _check_count(node: Call, least: int, most: int) -> None:
    given = len(node.arguments)
    if least <= given <= most:
        return
    wanted = str(least) if least == most else f"{least} to {most}"
    if most == ANY_NUMBER:
        wanted = f"at least {least}"
    raise ExpressionSyntaxError(
        f"`{node.name}` takes {wanted} argument(s), not {given}", node.offset
    )
