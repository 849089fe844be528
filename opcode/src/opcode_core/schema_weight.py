"""How much work a JSON Schema can make, from its text alone.

Checking a value takes no more steps than the schema's weight times the value's size. References are
counted each time they are followed: a few lines of them can double the work over and over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

_PATTERN = 1000
"""What compiling a regular expression weighs beside a node."""
_UNEVALUATED = 4
"""How much heavier a schema is that must know what its parts have looked at."""
_MAX_DEPTH = 200


def weigh(schema: Any, most: int) -> float:
    """Say how much work checking against a schema is, for each byte of the data.

    Args:
        schema: The schema, as JSON.
        most: Where counting stops.

    Returns:
        How many nodes it has when every reference is replaced by what it leads to; infinite when
        that is more than `most`, or cannot be known because references go round or lead away.
    """
    return _Scale(schema, most, follow=True).weigh(schema, 0)


def weigh_compiling(schema: Any, most: int) -> float:
    """Say how much work compiling a schema is.

    Args:
        schema: The schema, as JSON.
        most: Where counting stops.

    Returns:
        How many nodes it has as it is written; infinite when that is more than `most`, or when
        references may multiply in the compiler too.
    """
    alone = _Scale(schema, most, follow=False).weigh(schema, 0)
    return weigh(schema, most) if math.isinf(alone) else alone


class _Scale:
    def __init__(self, root: Any, most: int, *, follow: bool) -> None:
        self._root = root
        self._most = most
        self._follow = follow
        self._known: dict[int, float] = {}

    def weigh(self, node: Any, depth: int) -> float:
        if not isinstance(node, (dict, list)):
            return 1
        if depth > _MAX_DEPTH:
            return math.inf
        known = self._known.get(id(node))
        if known is not None:
            return known
        self._known[id(node)] = math.inf  # what comes back here goes round
        weight = 1.0
        for part in self._parts(node):
            weight += part if isinstance(part, float) else self.weigh(part, depth + 1)
            if weight > self._most:
                return math.inf
        if isinstance(node, dict) and not node.keys().isdisjoint(_LOOK_BACK):
            # The compiler follows references for these keywords, and for no others.
            weight = weight * _UNEVALUATED if self._follow else math.inf
        self._known[id(node)] = weight if weight <= self._most else math.inf
        return self._known[id(node)]

    def _parts(self, node: dict[str, Any] | list[Any]) -> Iterator[Any]:
        """What is below a node, and what it refers to; a float stands for a weight itself."""
        if isinstance(node, list):
            yield from node
            return
        for name, below in node.items():
            yield below
            if name == "pattern":
                yield float(_PATTERN)
            elif name == "patternProperties" and isinstance(below, Mapping):
                yield float(_PATTERN * len(below))
            elif not self._follow:
                continue
            elif name in ("$ref", "$dynamicRef") and isinstance(below, str):
                yield self._target(below)
            elif name in ("$id", "$anchor", "$dynamicAnchor") and node is not self._root:
                yield math.inf  # references below it, or to it, are read in another way

    def _target(self, reference: str) -> Any:
        if reference != "#" and not reference.startswith("#/"):
            return math.inf
        node = self._root
        for segment in unquote(reference).split("/")[1:]:
            name = segment.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and name in node:
                node = node[name]
            elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
                node = node[int(name)]
            else:
                return math.inf
        return node


_LOOK_BACK = frozenset({"unevaluatedProperties", "unevaluatedItems"})
