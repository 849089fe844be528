"""Functions with a predicate: `filter`, `map`, `reduce` and their like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any

from opcode_core import ExecutionError, ExpressionSyntaxError

from opcode_expr_lang.frame import DEADLINE, Code, Frame, charge, too_slow
from opcode_expr_lang.nodes import Call, Pointer
from opcode_expr_lang.operators import add
from opcode_expr_lang.scope import Scope
from opcode_expr_lang.sorting import is_descending, order
from opcode_expr_lang.values import Array, Groups, NilArray, a_kind, boolean

_Loop = Callable[[Frame, list[Any], "_Test"], Any]
_Seen = Iterator[tuple[int, Any]]

_NO_ITEM = object()
"""Stands for what cannot be looked at: going over a map counts its entries and no more."""
_ONLY_ONE = 1


class _Test:
    """A predicate and where it looks.

    Args:
        code: The predicate.
        item: The place of `#`; that of `#index` is the next.
    """

    __slots__ = ("code", "item")

    def __init__(self, code: Code, item: int) -> None:
        self.code = code
        self.item = item

    def seen(self, frame: Frame, items: list[Any], *, backwards: bool = False) -> _Seen:
        """Give each index with what the predicate says of the item."""
        code, item, deadline = self.code, self.item, frame[DEADLINE]
        indices = range(len(items))
        for index in reversed(indices) if backwards else indices:
            if monotonic() > deadline:
                raise too_slow(frame)
            frame[item] = items[index]
            frame[item + 1] = index
            yield index, code(frame)

    def hits(self, frame: Frame, items: list[Any], *, backwards: bool = False) -> Iterator[int]:
        """Give the index of each item of which the predicate is true."""
        for index, value in self.seen(frame, items, backwards=backwards):
            if value is True or boolean(value, "a predicate"):
                yield index


def pointer(scope: Scope, node: Pointer) -> Code:
    """Compile `#`, `#index` or `#acc`.

    Raises:
        ExpressionSyntaxError: There is no such thing here.
    """
    predicate = scope.predicate
    if predicate is None or node.name not in ("", "index", "acc"):
        raise ExpressionSyntaxError(
            f"there is no `#{node.name}`: a predicate has `#`, `#index` and, in reduce, `#acc`",
            node.offset,
        )
    if node.name == "index":
        index = predicate.index
        return lambda frame: frame[index]
    if node.name == "acc":
        accumulator = predicate.accumulator
        if accumulator is None:
            raise ExpressionSyntaxError("`#acc` exists only in reduce", node.offset)
        return lambda frame: frame[accumulator]
    item = predicate.item
    return lambda frame: _present(frame[item])


def predicate_call(scope: Scope, node: Call) -> Code:
    """Compile a call of a function with a predicate; the number of its arguments is right."""
    scope.quick = False
    over = scope.code(node.arguments[0])
    if node.name == "reduce":
        return _reduce(scope, node, over)
    with scope.predicates() as predicate:
        if len(node.arguments) == _ONLY_ONE:  # sum(list) is sum(list, #)
            code = pointer(scope, Pointer(node.offset, ""))
        else:
            code = scope.code(node.arguments[1])
        test = _Test(code, predicate.item)
    if node.name == "sortBy":
        return _sort_by(scope, node, over, test)
    loop = _LOOPS[node.name]
    return lambda frame: loop(frame, _items(frame, over(frame)), test)


def _items(frame: Frame, value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        charge(frame, len(value))
        return [ord(character) for character in value]
    if isinstance(value, Mapping):
        charge(frame, len(value))
        return [_NO_ITEM] * len(value)
    raise ExecutionError(f"only an array can be gone through, not {a_kind(value)}")


def _present(item: Any) -> Any:
    if item is _NO_ITEM:
        raise ExecutionError("the entries of a map are no items: use toPairs, keys or values")
    return item


def _one(frame: Frame, items: list[Any], test: _Test) -> bool:
    return sum(1 for _ in test.hits(frame, items)) == 1


def _filter(frame: Frame, items: list[Any], test: _Test) -> Array:
    found = Array(_present(items[index]) for index in test.hits(frame, items))
    charge(frame, len(found))
    return found


def _map(frame: Frame, items: list[Any], test: _Test) -> Array:
    charge(frame, len(items))
    return Array(value for _, value in test.seen(frame, items))


def _find(frame: Frame, items: list[Any], test: _Test, *, backwards: bool = False) -> Any:
    index = next(test.hits(frame, items, backwards=backwards), None)
    return None if index is None else _present(items[index])


def _group(frame: Frame, items: list[Any], test: _Test) -> Groups:
    charge(frame, len(items))
    groups = Groups(missing=NilArray())
    for index, key in test.seen(frame, items):
        groups.group(key, _present(items[index]))
    return groups


def _sum_of(frame: Frame, items: list[Any], test: _Test) -> Any:
    total: Any = 0
    for _, value in test.seen(frame, items):
        total = add(total, value, frame)
    return total


def _reduce(scope: Scope, node: Call, over: Code) -> Code:
    first = scope.code(node.arguments[2]) if len(node.arguments) > 2 else None  # noqa: PLR2004
    with scope.predicates(accumulates=True) as predicate:
        code = scope.code(node.arguments[1])
    item, accumulator = predicate.item, predicate.item + 2

    def run(frame: Frame) -> Any:
        items = _items(frame, over(frame))
        if first is None and not items:
            raise ExecutionError("reduce of an empty array: give a third argument to start from")
        value = _present(items[0]) if first is None else first(frame)
        for index in range(1 if first is None else 0, len(items)):
            if monotonic() > frame[DEADLINE]:
                raise too_slow(frame)
            frame[item], frame[item + 1] = items[index], index
            frame[accumulator] = value
            value = code(frame)
        return value

    return run


def _sort_by(scope: Scope, node: Call, over: Code, test: _Test) -> Code:
    said = scope.code(node.arguments[2]) if len(node.arguments) > 2 else None  # noqa: PLR2004

    def run(frame: Frame) -> Any:
        items = _items(frame, over(frame))
        charge(frame, 2 * len(items))
        keys = [key for _, key in test.seen(frame, items)]
        descending = said is not None and is_descending(said(frame))
        return Array(_present(items[at]) for at in order(frame, keys, descending=descending))

    return run


_LOOPS: dict[str, _Loop] = {
    "all": lambda frame, items, test: all(
        value is True or boolean(value, "a predicate") for _, value in test.seen(frame, items)
    ),
    "any": lambda frame, items, test: next(test.hits(frame, items), None) is not None,
    "none": lambda frame, items, test: next(test.hits(frame, items), None) is None,
    "one": _one,
    "count": lambda frame, items, test: sum(1 for _ in test.hits(frame, items)),
    "filter": _filter,
    "map": _map,
    "find": _find,
    "findLast": lambda frame, items, test: _find(frame, items, test, backwards=True),
    "findIndex": lambda frame, items, test: next(test.hits(frame, items), None),
    "findLastIndex": lambda frame, items, test: next(test.hits(frame, items, backwards=True), None),
    "groupBy": _group,
    "sum": _sum_of,
}
