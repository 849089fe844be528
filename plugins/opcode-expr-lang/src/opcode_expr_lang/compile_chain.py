"""Names, and what follows an operand: members, items, slices and methods. Here is what is read noted down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opcode_core import ReadPath

from opcode_expr_lang.access import call_method, fetch, member, sliced
from opcode_expr_lang.frame import VARIABLES, Code, Frame
from opcode_expr_lang.nodes import (
    Constant,
    Item,
    Member,
    Method,
    Name,
    Part,
    Pointer,
    Postfix,
    Slice,
)
from opcode_expr_lang.scope import ENVIRONMENT, Scope, shortened
from opcode_expr_lang.values import NilArray, is_nil

_Apply = Callable[[Frame, Any], Any]


def name(scope: Scope, node: Name) -> Code:
    """Compile a name."""
    return _root(scope, node, ())[0]


def chain(scope: Scope, node: Postfix) -> Code:
    """Compile a base with what follows it."""
    parts = node.parts
    if isinstance(node.base, Name):
        code, used = _root(scope, node.base, parts)
        parts = parts[used:]
    else:
        code, used = scope.code(node.base), 0
    if all(isinstance(part, Member) and not part.optional for part in parts):
        names = [part.name for part in parts if isinstance(part, Member)]
        return _path(code, names, node, used)
    return _links(code, [_link(scope, node, at) for at in range(used, len(node.parts))], parts)


def label_of(node: Postfix, upto: int) -> str:
    """How a source says what stands before a part, such as `inputs.user`."""
    if isinstance(node.base, Name):
        said = node.base.name
    elif isinstance(node.base, Pointer):
        said = f"#{node.base.name}"
    else:
        return "the value"
    for part in node.parts[:upto]:
        if isinstance(part, Member):
            said += f".{part.name}"
        elif isinstance(part, Item) and isinstance(part.key, Constant):
            said += f"[{part.key.value!r}]"
        else:
            return "the value"
    return shortened(said)


def _root(scope: Scope, node: Name, parts: tuple[Part, ...]) -> tuple[Code, int]:
    """What gives a name's value, and how many of the parts after it that takes in."""
    slot = scope.local(node.name)
    if slot is not None:
        return (lambda frame: frame[slot]), 0
    if node.name == ENVIRONMENT:
        return _environment(scope, parts)
    if node.name not in scope.names:
        raise scope.undeclared(node)
    variable = scope.names[node.name]
    scope.reads.append((variable, *_written_out(parts)))
    return (lambda frame: frame[VARIABLES].get(variable)), 0


def _environment(scope: Scope, parts: tuple[Part, ...]) -> tuple[Code, int]:
    path = _written_out(parts)
    if path:
        variable = scope.names.get(str(path[0]))
        if variable is None:
            return (lambda _: None), 1
        scope.reads.append((variable, *path[1:]))
        return (lambda frame: frame[VARIABLES].get(variable)), 1
    # `iter` is left out: reading it outside of a loop would be refused
    variables = {one: held for one, held in scope.names.items() if held != "iter"}
    scope.reads.extend((held,) for held in dict.fromkeys(variables.values()))

    def run(frame: Frame) -> Any:
        values: Mapping[str, Any] = frame[VARIABLES]
        return {one: values[held] for one, held in variables.items() if held in values}

    return run, 0


def _written_out(parts: tuple[Part, ...]) -> ReadPath:
    path: list[str | int] = []
    for part in parts:
        if isinstance(part, Member):
            path.append(part.name)
        elif isinstance(part, Item) and isinstance(part.key, Constant):
            key = part.key.value
            if not isinstance(key, (str, int)) or isinstance(key, bool):
                break
            path.append(key)
        else:
            break
    return tuple(path)


def _path(base: Code, names: list[str], node: Postfix, used: int) -> Code:
    def run(frame: Frame) -> Any:
        value = base(frame)
        for at, key in enumerate(names, used):
            value = (
                value.get(key)
                if value.__class__ is dict
                else member(value, key, lambda: label_of(node, at))  # noqa: B023 - called at once
            )
        return value

    return run


def _link(scope: Scope, node: Postfix, at: int) -> _Apply:
    part = node.parts[at]

    def label() -> str:
        return label_of(node, at)

    if isinstance(part, Member):
        name_ = part.name
        return lambda _, value: member(value, name_, label)
    if isinstance(part, Item):
        key = scope.code(part.key)
        return lambda frame, value: fetch(value, key(frame), label)
    if isinstance(part, Slice):
        start = None if part.start is None else scope.code(part.start)
        end = None if part.end is None else scope.code(part.end)
        return lambda frame, value: sliced(
            frame, value, start and start(frame), end and end(frame), (start, end)
        )
    arguments = [scope.code(argument) for argument in part.arguments]
    method = part.name
    return lambda frame, value: call_method(
        value, method, [argument(frame) for argument in arguments], label
    )


def _links(base: Code, links: list[_Apply], parts: tuple[Part, ...]) -> Code:
    """Run link after link. At nil `?.` leaves out what follows, up to the next bracket."""
    ends = [_end(parts, at) for at in range(len(parts))]
    optional = [not isinstance(part, Slice) and part.optional for part in parts]
    closing = {end - 1 for end, may_skip in zip(ends, optional, strict=True) if may_skip}

    def run(frame: Frame) -> Any:
        value, at = base(frame), 0
        while at < len(links):
            if optional[at] and is_nil(value):
                value, at = None, ends[at]
                continue
            value = links[at](frame, value)
            if at in closing and value.__class__ is NilArray:
                value = None
            at += 1
        return value

    return run


def _end(parts: tuple[Part, ...], start: int) -> int:
    at = start + 1
    while at < len(parts) and isinstance(parts[at], (Member, Method)):
        at += 1
    return at
