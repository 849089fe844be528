"""Calls of functions, `has`, and the well-known protocol buffer types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opcode_core import ExpressionSyntaxError

from opcode_expr_cel.errors import FailedError, FaultError, nearest
from opcode_expr_cel.frame import Code, Frame, charge
from opcode_expr_cel.functions import FUNCTIONS, METHODS, Function
from opcode_expr_cel.nodes import Call, Constant, Message, Method, Node
from opcode_expr_cel.patterns import compiled
from opcode_expr_cel.reading import Step
from opcode_expr_cel.scope import Scope
from opcode_expr_cel.values import Uint

_ELSEWHERE = {
    "len": "size(x)",
    "length": "size(x)",
    "count": "size(x)",
    "lower": "x.lowerAscii()",
    "upper": "x.upperAscii()",
    "includes": "x.contains(y)",
    "any": "x.exists(item, …)",
    "some": "x.exists(item, …)",
    "every": "x.all(item, …)",
    "str": "string(x)",
    "float": "double(x)",
    "min": "math.least(x, y)",
    "max": "math.greatest(x, y)",
    "abs": "math.abs(x)",
}


def plain_call(scope: Scope, node: Call) -> Code:
    """Compile `name(arguments)`, but for `has`."""
    return call(scope, function(scope, node.name, node, FUNCTIONS), node.arguments)


def call(scope: Scope, found: Function, arguments: tuple[Node, ...]) -> Code:
    """Compile a call without a target: its first argument takes the target's place."""
    _note(scope, found, arguments[1:])
    codes = [scope.code(argument) for argument in arguments]
    if not codes:  # only where the call is refused anyway
        return lambda _: found.run()
    first, step = codes[0], _step(found, tuple(codes[1:]))
    return lambda frame: step(first(frame), frame)


def method(scope: Scope, part: Method) -> Step:
    """Compile `.name(arguments)`."""
    found = function(scope, part.name, part, METHODS)
    _note(scope, found, part.arguments)
    return _step(found, tuple([scope.code(argument) for argument in part.arguments]))


def function(
    scope: Scope, name: str, node: Call | Method, table: Mapping[str, Function]
) -> Function:
    """Find a function; one that does not exist is noted, and fails when it is called.

    Args:
        scope: The compilation.
        name: The function's whole name, `math.abs` or `size`.
        node: The call.
        table: Where to look: functions, or methods.
    """
    found = table.get(name)
    targets = 1 if table is METHODS else 0
    given = len(node.arguments)
    if found is None:
        problem = _unknown(name, table)
    elif found.least <= given + targets <= found.most:
        return found
    else:
        least, most = found.least - targets, found.most - targets
        wanted = f"{least}" if least == most else f"{least} to {most}"
        problem = f"`{name}` takes {wanted} argument(s), not {given}"
    scope.unknown.append(ExpressionSyntaxError(problem, node.offset))

    def fail(*_: Any) -> Any:
        raise FailedError(problem)

    return Function(fail, 0, given + targets)


def _unknown(name: str, table: Mapping[str, Function]) -> str:
    text = f"there is no function `{name}`"
    if table is not METHODS and name in METHODS:
        return f"{text}: write x.{name}(…)"
    if table is METHODS and name in FUNCTIONS:
        return f"{text} after a dot: write {name}(x)"
    if name in _ELSEWHERE:
        return f"{text}: write {_ELSEWHERE[name]}"
    close = nearest(name, table)
    return f"{text}: did you mean `{close}`?" if close else text


def _note(scope: Scope, found: Function, arguments: tuple[Node, ...]) -> None:
    if found is not FUNCTIONS["matches"]:
        return
    scope.quick = False
    if arguments and isinstance(arguments[0], Constant) and isinstance(arguments[0].value, str):
        try:
            compiled(arguments[0].value)
        except FaultError as error:
            raise ExpressionSyntaxError(error.public().message) from None


def _step(found: Function, arguments: tuple[Code, ...]) -> Step:
    run = found.run
    if found.produces:

        def produce(value: Any, frame: Frame) -> Any:
            result = run(value, *[argument(frame) for argument in arguments])
            charge(frame, len(result))
            return result

        return produce
    if not arguments:
        return lambda value, _: run(value)
    if len(arguments) == 1:
        only = arguments[0]
        return lambda value, frame: run(value, only(frame))
    return lambda value, frame: run(value, *[argument(frame) for argument in arguments])


_MESSAGES: dict[str, Any] = {
    "google.protobuf.BoolValue": False,
    "google.protobuf.BytesValue": b"",
    "google.protobuf.DoubleValue": 0.0,
    "google.protobuf.FloatValue": 0.0,
    "google.protobuf.Int32Value": 0,
    "google.protobuf.Int64Value": 0,
    "google.protobuf.StringValue": "",
    "google.protobuf.UInt32Value": Uint(0),
    "google.protobuf.UInt64Value": Uint(0),
}


def message(scope: Scope, node: Message) -> Code:
    """Compile a wrapper type, which is the value it wraps; no other messages exist here.

    Raises:
        ExpressionSyntaxError: It is another type, or has another field than `value`.
    """
    if node.type_name == "google.protobuf.Value" and not node.fields:
        return lambda _: None
    if node.type_name not in _MESSAGES:
        raise ExpressionSyntaxError(
            "there are no message types here: write a map, {'name': value}", node.offset
        )
    default = _MESSAGES[node.type_name]
    if not node.fields:
        return lambda _: default
    if len(node.fields) != 1 or node.fields[0][0] != "value":
        raise ExpressionSyntaxError(f"{node.type_name} has only the field `value`", node.offset)
    content = scope.code(node.fields[0][1])

    def unwrap(frame: Frame) -> Any:
        value = content(frame)
        if value.__class__ is not default.__class__:
            raise FailedError(f"{node.type_name} cannot hold this type")
        return value

    return unwrap
