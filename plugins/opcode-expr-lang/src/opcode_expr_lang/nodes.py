"""The syntax tree. Chains that may be long are flat: a thousand `+` are one node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Node:
    """A piece of an expression.

    Attributes:
        offset: Where it starts in the source, in characters.
    """

    offset: int


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A literal: nil, a boolean, a number or a string."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable, or a name that `let` gave."""

    name: str


@dataclass(frozen=True, slots=True)
class Pointer(Node):
    """What a predicate looks at: `#` (an empty name), `#index` or `#acc`."""

    name: str


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf(Node):
    """`{a: b}`."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """`.name` or `?.name`."""

    name: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Item:
    """`[key]` or `?.[key]`."""

    key: Node
    optional: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """`[start:end]`; either may be left out."""

    start: Node | None
    end: Node | None


@dataclass(frozen=True, slots=True)
class Method:
    """`.name(arguments)` or `?.name(arguments)`."""

    name: str
    optional: bool
    arguments: tuple[Node, ...]


Part: TypeAlias = Member | Item | Slice | Method


@dataclass(frozen=True, slots=True)
class Postfix(Node):
    """A base and what follows it: `base.a[0]?.b[1:]`."""

    base: Node
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Prefixed(Node):
    """One operator, `not` or `-`, so many times before an operand."""

    operator: str
    times: int
    operand: Node


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of a `Fold`.

    Attributes:
        operator: The operator.
        operand: What stands to its right.
        negated: Whether `not` stands before the operator.
        offset: Where the operator stands.
        chained: Further comparisons of a chain, as in `a < b < c`: operators and operands.
    """

    operator: str
    operand: Node
    negated: bool
    offset: int
    chained: tuple[tuple[str, Node], ...] = ()


@dataclass(frozen=True, slots=True)
class Fold(Node):
    """Operators of two operands, from left to right: `base + a - b`."""

    base: Node
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """`a ? b : c`, `if a { b } else { c }`; a chain's branches in order. In `a ?: c` None stands for `a`."""

    branches: tuple[tuple[Node, Node | None], ...]
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Let:
    """`let name = value`."""

    name: str
    value: Node
    offset: int


@dataclass(frozen=True, slots=True)
class Block(Node):
    """`let a = 1; b; c`: all are computed, the last one counts."""

    statements: tuple[Node | Let, ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`name(arguments)`, for `a | name(b)` with `a` in front."""

    name: str
    arguments: tuple[Node, ...]
