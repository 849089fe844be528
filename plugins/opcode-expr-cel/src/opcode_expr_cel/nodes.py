"""The syntax tree expressions are compiled from: CEL's, with its chains laid flat.

`a || b || c` is one node with three operands, `a.b[0].c()` one with three parts: a source of 4 KiB
may chain a thousand operators, and neither compiling nor evaluating them may recurse a thousand
levels. Offsets count characters from the start of the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal: a JSON scalar, `bytes` or `Uint`."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier; `root` when written with a leading dot, which passes by macro variables."""

    name: str
    offset: int
    root: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function that is called without a target: `size(x)`."""

    name: str
    arguments: tuple[Node, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Member:
    """`.name` after something."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Item:
    """`[key]` after something."""

    key: Node
    offset: int


@dataclass(frozen=True, slots=True)
class Method:
    """`.name(arguments)` after something: a function with a target, or a macro."""

    name: str
    arguments: tuple[Node, ...]
    offset: int


Part: TypeAlias = Member | Item | Method


@dataclass(frozen=True, slots=True)
class Postfix:
    """What is read or called, part after part."""

    base: Node
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{a: b}`."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """`google.protobuf.Int64Value{value: 1}`."""

    type_name: str
    fields: tuple[tuple[str, Node], ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Prefixed:
    """`!` and `-` before something, the innermost first."""

    operators: tuple[str, ...]
    operand: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """`||` or `&&` between two or more operands."""

    operator: Literal["||", "&&"]
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Operators of one rank from left to right: comparisons, sums or products."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """`a ? b : c ? d : e`: conditions with their results, and what is left."""

    cases: tuple[tuple[Node, Node], ...]
    otherwise: Node


Node: TypeAlias = (
    Constant
    | Name
    | Call
    | Postfix
    | ListOf
    | MapOf
    | Message
    | Prefixed
    | Junction
    | Fold
    | Choice
)
