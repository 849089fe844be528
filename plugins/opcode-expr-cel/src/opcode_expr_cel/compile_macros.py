"""`all`, `exists`, `exists_one`, `map` and `filter`: loops over a list's items or a map's keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from opcode_core import ExpressionSyntaxError

from opcode_expr_cel.compile_logic import not_bool
from opcode_expr_cel.errors import FailedError, FaultError, a_kind
from opcode_expr_cel.frame import DEADLINE, Code, Frame, charge, check_time
from opcode_expr_cel.nodes import Method, Name
from opcode_expr_cel.reading import Step
from opcode_expr_cel.scope import Scope
from opcode_expr_cel.values import CelList, CelMap

_PREDICATE = "the condition of a macro"


def macro(scope: Scope, part: Method) -> Step:
    """Compile a macro.

    Raises:
        ExpressionSyntaxError: It has not the arguments it needs.
    """
    variable, *bodies = part.arguments or (None,)
    counts = (1, 2) if part.name == "map" else (1,)
    if not isinstance(variable, Name) or variable.root or len(bodies) not in counts:
        usage = "x, x.name" if part.name == "map" else "x, x > 1"
        raise ExpressionSyntaxError(
            f"`{part.name}` takes a variable's name and what to do with it, as in"
            f" items.{part.name}({usage})",
            part.offset,
        )
    scope.quick = False
    with scope.bound(variable) as slot:
        codes = [scope.code(body) for body in bodies]
    return MACROS[part.name](slot, *codes)


def _elements(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, (CelMap, Mapping)):
        return list(value)
    raise FailedError(f"a macro goes over a list or a map, not {a_kind(value)}")


def _decide(slot: int, body: Code, *, decisive: bool) -> Step:
    other = not decisive

    def run(value: Any, frame: Frame) -> Any:
        fault: FaultError | None = None
        deadline = frame[DEADLINE]
        for element in _elements(value):
            if monotonic() > deadline:
                check_time(frame)
            frame[slot] = element
            try:
                result = body(frame)
            except FaultError as error:  # an element that decides wins over others' errors
                fault = fault or error
                continue
            if result is decisive:
                return decisive
            if result is not other:
                fault = fault or not_bool(_PREDICATE, result)
        if fault is not None:
            raise fault
        return other

    return run


def _all(slot: int, body: Code) -> Step:
    return _decide(slot, body, decisive=False)


def _exists(slot: int, body: Code) -> Step:
    return _decide(slot, body, decisive=True)


def _exists_one(slot: int, body: Code) -> Step:
    select = _filter(slot, body)
    return lambda value, frame: len(select(value, frame)) == 1


def _filter(slot: int, body: Code) -> Step:
    def run(value: Any, frame: Frame) -> CelList:
        found = CelList()
        deadline = frame[DEADLINE]
        for element in _elements(value):
            if monotonic() > deadline:
                check_time(frame)
            frame[slot] = element
            keep = body(frame)
            if keep is True:
                found.append(element)
            elif keep is not False:
                raise not_bool(_PREDICATE, keep)
        charge(frame, len(found))
        return found

    return run


def _map(slot: int, first: Code, second: Code | None = None) -> Step:
    if second is not None:
        select, transform = _filter(slot, first), _map(slot, second)
        return lambda value, frame: transform(select(value, frame), frame)

    def run(value: Any, frame: Frame) -> CelList:
        results = CelList()
        deadline = frame[DEADLINE]
        for element in _elements(value):
            if monotonic() > deadline:
                check_time(frame)
            frame[slot] = element
            results.append(first(frame))
        charge(frame, len(results))
        return results

    return run


MACROS: dict[str, Callable[..., Step]] = {
    "all": _all,
    "exists": _exists,
    "exists_one": _exists_one,
    "existsOne": _exists_one,
    "map": _map,
    "filter": _filter,
}
"""The macros with a target, by name."""
