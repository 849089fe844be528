"""A value of a definition as a tree of literals and references, resolved without ever parsing text again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from opcode_core.errors import VaultError
from opcode_core.expressions import Expression
from opcode_core.jsonio import read_json, write_json
from opcode_core.references.parse import Path
from opcode_core.references.resolve import follow, text_of

NO_SOURCES: frozenset[str] = frozenset()

Variables = Mapping[str, Any]


class Node(Protocol):
    """A piece of a tree."""

    @property
    def sources(self) -> frozenset[str]:
        """The namespaces that write into it."""
        ...

    def resolve(self, variables: Variables) -> Any:
        """Its value, with every reference followed.

        Raises:
            InterpolationError: A reference leads nowhere.
            ExecutionError: An expression cannot be evaluated.
            VaultError: A secret cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class Literal:
    """A value the definition holds as it is."""

    value: Any
    sources: frozenset[str] = NO_SOURCES

    def resolve(self, variables: Variables) -> Any:  # noqa: ARG002 - every node is called the same way
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True)
class LiteralStructure:
    """An object or array without a reference in it; each resolution gives a copy, so that nobody can change it."""

    text: bytes
    sources: frozenset[str] = NO_SOURCES

    def resolve(self, variables: Variables) -> Any:  # noqa: ARG002 - every node is called the same way
        """A copy of the value."""
        return read_json(self.text)


@dataclass(frozen=True, slots=True)
class PathReference:
    """A reference that holds a path: its value keeps its type.

    Attributes:
        path: The path, namespace first.
        sources: The namespace.
        types: The JSON types its value may have, as far as that is declared; None for any.
    """

    path: Path
    sources: frozenset[str]
    types: frozenset[str] | None = None

    def resolve(self, variables: Variables) -> Any:
        """The value at the path."""
        return follow(variables[self.path[0]], self.path)  # type: ignore[index] # a path begins with a name


@dataclass(frozen=True, slots=True)
class SecretReference:
    """A reference to a secret."""

    path: Path
    sources: frozenset[str] = frozenset({"secrets"})

    def resolve(self, variables: Variables) -> Any:  # noqa: ARG002 - every node is called the same way
        """Refuse: this version has no vault that could hold the secret."""
        name = self.path[1] if len(self.path) > 1 else ""
        raise VaultError(
            f"the secret `{name}` cannot be had: this server has no vault", {"secret": str(name)}
        )


@dataclass(frozen=True, slots=True)
class ExpressionReference:
    """A reference that holds an expression."""

    expression: Expression
    sources: frozenset[str]

    def resolve(self, variables: Variables) -> Any:
        """What the expression gives."""
        return self.expression.evaluate(variables)


@dataclass(frozen=True, slots=True)
class Text:
    """A text with references in it."""

    parts: tuple[str | Node, ...]
    sources: frozenset[str]

    def resolve(self, variables: Variables) -> str:
        """The text, with the text of each reference's value in its place."""
        return "".join(
            part if isinstance(part, str) else text_of(part.resolve(variables))
            for part in self.parts
        )


@dataclass(frozen=True, slots=True)
class Object:
    """An object with references somewhere below it."""

    members: tuple[tuple[str, Node], ...]
    sources: frozenset[str]

    def resolve(self, variables: Variables) -> dict[str, Any]:
        """The object."""
        return {name: node.resolve(variables) for name, node in self.members}


@dataclass(frozen=True, slots=True)
class Array:
    """An array with references somewhere below it."""

    items: tuple[Node, ...]
    sources: frozenset[str]

    def resolve(self, variables: Variables) -> list[Any]:
        """The array."""
        return [node.resolve(variables) for node in self.items]


def literal(value: Any) -> Node:
    """A node for a value without references."""
    if isinstance(value, (dict, list)):
        return LiteralStructure(write_json(value))
    return Literal(value)


def child(node: Node, segment: str | int) -> Node | None:
    """The node one step below an object or array; None when it has no node of its own there."""
    if isinstance(node, Object):
        return next((member for name, member in node.members if name == segment), None)
    if isinstance(node, Array) and isinstance(segment, int) and segment < len(node.items):
        return node.items[segment]
    return None


def is_quick(node: Node) -> bool:
    """Whether resolving it takes a time bounded by its own size, so that it may be done in place."""
    if isinstance(node, ExpressionReference):
        return node.expression.quick
    if isinstance(node, Object):
        return all(is_quick(member) for _, member in node.members)
    if isinstance(node, Array):
        return all(is_quick(item) for item in node.items)
    if isinstance(node, Text):
        return all(isinstance(part, str) or is_quick(part) for part in node.parts)
    return True


def secret_paths(node: Node) -> list[Path]:
    """The paths of all secrets a tree refers to."""
    if isinstance(node, SecretReference):
        return [node.path]
    if isinstance(node, Object):
        below: list[Any] = [member for _, member in node.members]
    elif isinstance(node, Array):
        below = list(node.items)
    elif isinstance(node, Text):
        below = [part for part in node.parts if not isinstance(part, str)]
    else:
        return []
    return [path for inner in below for path in secret_paths(inner)]
