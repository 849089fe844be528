"""Names, members, items and calls: `steps.a.output[0].name.size()`."""

from __future__ import annotations

from typing import Any

from opcode_expr_cel.compile_calls import call, function, method
from opcode_expr_cel.compile_macros import MACROS, macro
from opcode_expr_cel.frame import Code, Frame
from opcode_expr_cel.functions import FUNCTIONS, NAMESPACES
from opcode_expr_cel.nodes import Constant, Item, Member, Method, Name, Node, Part, Postfix
from opcode_expr_cel.reading import Step, item, labelled, local, member, variable
from opcode_expr_cel.scope import Scope
from opcode_expr_cel.values import TYPE_NAMES

COMPUTED = "the value"
"""The label of what has no name in the source."""


def name(scope: Scope, node: Name) -> Code:
    """Compile an identifier that stands alone."""
    return chain(scope, Postfix(node, ()))


def chain(scope: Scope, node: Postfix) -> Code:
    """Compile a base and all that follows it; note which path is read."""
    start, label, parts = _start(scope, node)
    steps = []
    for part in parts:
        steps.append(_step(scope, part, label))
        label = _label_after(label, part)
    if not steps:
        return start
    if len(steps) == 1:
        only = steps[0]
        return lambda frame: only(start(frame), frame)
    every = tuple(steps)

    def run(frame: Frame) -> Any:
        value = start(frame)
        for step in every:
            value = step(value, frame)
        return value

    return run


def label_of(node: Node) -> str:
    """Give the label of a node in messages: its path as the source says it."""
    base, parts = (node.base, node.parts) if isinstance(node, Postfix) else (node, ())
    label = base.name if isinstance(base, Name) else COMPUTED
    for part in parts:
        label = _label_after(label, part)
    return label


def _start(scope: Scope, node: Postfix) -> tuple[Code, str, tuple[Part, ...]]:
    base, parts = node.base, node.parts
    if not isinstance(base, Name):
        return scope.code(base), COMPUTED, parts
    keys = _static(parts)
    names = keys[: next((at for at, key in enumerate(keys) if isinstance(key, int)), len(keys))]
    members = tuple([key for key in names if isinstance(key, str)])
    slot = scope.local(base)
    if slot is not None:
        code = local(slot, base.name, members)
        return code, labelled(base.name, names), parts[len(names) :]
    root = scope.names.get(base.name)
    if root is not None:
        scope.reads.append((root, *keys))
        return variable(root, members, base.name), labelled(base.name, names), parts[len(names) :]
    return _well_known(scope, base, parts)


def _well_known(
    scope: Scope, base: Name, parts: tuple[Part, ...]
) -> tuple[Code, str, tuple[Part, ...]]:
    if base.name in NAMESPACES and parts and isinstance(parts[0], Method):
        first = parts[0]
        found = function(scope, f"{base.name}.{first.name}", first, FUNCTIONS)
        return call(scope, found, first.arguments), COMPUTED, parts[1:]
    dotted = ".".join([base.name, *[part.name for part in parts if isinstance(part, Member)]])
    if (kind := TYPE_NAMES.get(dotted)) and all(isinstance(part, Member) for part in parts):
        return (lambda _: kind), COMPUTED, ()
    if kind := TYPE_NAMES.get(base.name):
        return (lambda _: kind), base.name, parts
    raise scope.undeclared(base)


def _static(parts: tuple[Part, ...]) -> tuple[str | int, ...]:
    keys: list[str | int] = []
    for part in parts:
        key = part.name if isinstance(part, Member) else _constant(part)
        if key is None:
            break
        keys.append(key)
    return tuple(keys)


def _constant(part: Part) -> str | int | None:
    if not isinstance(part, Item) or not isinstance(part.key, Constant):
        return None
    value = part.key.value
    return value if value.__class__ in (str, int) else None


def _step(scope: Scope, part: Part, label: str) -> Step:
    if isinstance(part, Member):
        member_name = part.name
        return lambda value, _: member(value, member_name, label)
    if isinstance(part, Item):
        return _item(scope, part, label)
    if part.name in MACROS:
        return macro(scope, part)
    return method(scope, part)


def _item(scope: Scope, part: Item, label: str) -> Step:
    if isinstance(part.key, Constant):
        constant = part.key.value
        return lambda value, _: item(value, constant, label, shown=True)
    key = scope.code(part.key)
    return lambda value, frame: item(value, key(frame), label, shown=False)


def _label_after(label: str, part: Part) -> str:
    if isinstance(part, Method):
        return f"{label}.{part.name}(…)"
    key = part.name if isinstance(part, Member) else _constant(part)
    return f"{label}[…]" if key is None else labelled(label, (key,))
