"""Where the values of a resolved tree came from, through inputs and loops too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opcode_core.expressions import Expression, ReadPath
from opcode_core.lent import Segment
from opcode_core.references.resolve import text_of
from opcode_core.references.tree import (
    NO_SOURCES,
    Array,
    ExpressionReference,
    Literal,
    Node,
    Object,
    PathReference,
    Text,
    Variables,
    child,
)

_LOOP, _STEPS = frozenset({"loop"}), frozenset({"steps"})


@dataclass(frozen=True, slots=True)
class Origins:
    """What is known of values that were brought in before a step began.

    Attributes:
        inputs: Input → the namespaces it came from, in the workflow that started this one.
        loop: The namespaces the items of the loops around it came from.
    """

    inputs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    loop: frozenset[str] = NO_SOURCES

    def of(self, path: ReadPath) -> frozenset[str]:
        """The namespaces behind a path, with its own."""
        namespace = "loop" if path[0] == "iter" else str(path[0])
        if namespace == "loop":
            return self.loop | _LOOP | (_STEPS if _reads_last(path) else NO_SOURCES)
        if namespace == "inputs" and self.inputs:
            if len(path) == 1:
                return frozenset({"inputs"}).union(*self.inputs.values())
            return self.inputs.get(str(path[1]), NO_SOURCES) | {"inputs"}
        return frozenset({namespace})

    def of_expression(self, expression: Expression) -> frozenset[str]:
        """The namespaces behind what an expression reads."""
        return NO_SOURCES.union(*(self.of(read) for read in expression.reads))


def _reads_last(path: ReadPath) -> bool:
    """Whether a path into `loop` reads what an iteration gave: that came from a step."""
    below = [segment for segment in path[1:] if segment != "parent"]
    return not below or below[0] == "last"


class TreeProvenance:
    """Where the values of a resolved tree came from (`Provenance`).

    Args:
        tree: The tree that was resolved.
        variables: What it was resolved with.
        origins: Where what it was resolved with came from.
    """

    __slots__ = ("_origins", "_tree", "_variables")

    def __init__(self, tree: Node, variables: Variables, origins: Origins) -> None:
        self._tree = tree
        self._variables = variables
        self._origins = origins

    def sources(self, *path: str | int) -> frozenset[str]:
        """The namespaces that wrote into the value at `path`, or below it; empty for a literal."""
        return sources_of(self._at(path), self._origins)

    def segments(self, *path: str | int) -> tuple[Segment, ...]:
        """The pieces of the text at `path`, in order."""
        node = self._at(path)
        if isinstance(node, Text):
            return tuple(self._segment(part) for part in node.parts)
        value: Any = self._tree.resolve(self._variables)
        for segment in path:
            value = value[segment]
        return (Segment(text_of(value), sources_of(node, self._origins)),)

    def _segment(self, part: str | Node) -> Segment:
        if isinstance(part, str):
            return Segment(part, NO_SOURCES)
        return Segment(text_of(part.resolve(self._variables)), sources_of(part, self._origins))

    def _at(self, path: tuple[str | int, ...]) -> Node:
        node = self._tree
        for segment in path:
            below = child(node, segment)
            if below is None:
                return node if not isinstance(node, (Object, Array)) else Literal(None)
            node = below
        return node


def sources_of(node: Node, origins: Origins) -> frozenset[str]:
    """The namespaces that wrote into a tree, and those behind them."""
    if isinstance(node, PathReference):
        return origins.of(node.path)
    if isinstance(node, ExpressionReference):
        return node.sources | origins.of_expression(node.expression)
    if isinstance(node, Object):
        below: list[Node] = [member for _, member in node.members]
    elif isinstance(node, Array):
        below = list(node.items)
    elif isinstance(node, Text):
        below = [part for part in node.parts if not isinstance(part, str)]
    else:
        return node.sources
    return node.sources.union(*(sources_of(one, origins) for one in below))
