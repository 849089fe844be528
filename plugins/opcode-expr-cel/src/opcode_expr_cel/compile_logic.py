"""`||`, `&&`, `!`, `? :`, and the literals of lists and maps."""

from __future__ import annotations

from typing import Any

from opcode_expr_cel.arithmetic import negative
from opcode_expr_cel.errors import FailedError, FaultError, a_kind
from opcode_expr_cel.frame import Code, Frame, charge
from opcode_expr_cel.nodes import Choice, Constant, Junction, ListOf, MapOf, Prefixed
from opcode_expr_cel.scope import Scope
from opcode_expr_cel.values import CelList, CelMap, kind


def not_bool(what: str, value: Any) -> FailedError:
    """Give the error for something that should have been true or false."""
    return FailedError(f"{what} is {a_kind(value)}, not true or false")


def junction(scope: Scope, node: Junction) -> Code:
    """Compile `||` or `&&`: an operand that decides wins over others' errors."""
    decisive = node.operator == "||"
    unknown = len(scope.unknown)
    operands = tuple([scope.code(operand) for operand in node.operands])
    if any(isinstance(one, Constant) and one.value is decisive for one in node.operands):
        del scope.unknown[unknown:]
    what = f"an operand of `{node.operator}`"
    other = not decisive

    def decide(frame: Frame) -> Any:
        fault: FaultError | None = None
        for operand in operands:
            try:
                value = operand(frame)
            except FaultError as error:
                fault = fault or error
                continue
            if value is decisive:
                return decisive
            if value is not other:
                fault = fault or not_bool(what, value)
        if fault is not None:
            raise fault
        return other

    return decide


def prefixed(scope: Scope, node: Prefixed) -> Code:
    """Compile `!` and `-`, any number of them."""
    operand = scope.code(node.operand)
    operators = node.operators

    def invert(frame: Frame) -> bool:
        value = operand(frame)
        if value is True or value is False:
            return not value
        raise not_bool("the operand of `!`", value)

    def apply(frame: Frame) -> Any:
        value = operand(frame)
        for operator in operators:
            if operator == "-":
                value = negative(value)
            elif value is True or value is False:
                value = not value
            else:
                raise not_bool("the operand of `!`", value)
        return value

    return invert if operators == ("!",) else apply


def choice(scope: Scope, node: Choice) -> Code:
    """Compile `a ? b : c`, with any number of conditions."""
    cases = tuple([(scope.code(condition), scope.code(then)) for condition, then in node.cases])
    otherwise = scope.code(node.otherwise)

    def choose(frame: Frame) -> Any:
        for condition, then in cases:
            value = condition(frame)
            if value is True:
                return then(frame)
            if value is not False:
                raise not_bool("the condition before `?`", value)
        return otherwise(frame)

    return choose


def list_of(scope: Scope, node: ListOf) -> Code:
    """Compile `[a, b]`."""
    items = tuple([scope.code(item) for item in node.items])

    def build(frame: Frame) -> CelList:
        built = CelList([item(frame) for item in items])
        charge(frame, len(built))
        return built

    return build


def map_of(scope: Scope, node: MapOf) -> Code:
    """Compile `{a: b}`."""
    entries = tuple([(scope.code(key), scope.code(value)) for key, value in node.entries])

    def build(frame: Frame) -> CelMap:
        built = CelMap()
        for key_of, value_of in entries:
            key = key_of(frame)
            if kind(key) not in _KEYS:
                raise FailedError(f"{a_kind(key)} cannot be the key of a map")
            if not built.add(key, value_of(frame)):
                raise FailedError("a map has the same key twice")
        charge(frame, len(built))
        return built

    return build


_KEYS = frozenset({"bool", "int", "uint", "string"})
