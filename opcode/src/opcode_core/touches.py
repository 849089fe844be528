"""What of the outside world an action's parameters name, as far as the definition shows."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from opcode_core.actions import Action, TouchKind
from opcode_core.references.tree import (
    ExpressionReference,
    Node,
    PathReference,
    SecretReference,
    Text,
    child,
    secret_paths,
)

_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#\\]*)")


def touches_of(action: Action, tree: Node) -> list[dict[str, Any]]:
    """What an action with these parameters touches: `[{kind, value, certain}]`.

    Args:
        action: The action.
        tree: Its parameters, compiled.

    Returns:
        `certain` says that the definition itself has the value. Otherwise data decides, and the value is what the
        definition has in its place, references and all.
    """
    found = []
    for name, kind in action.touches.items():
        node = child(tree, name)
        if node is not None:
            value, certain = _named(kind, node)
            found.append({"kind": kind, "value": value, "certain": certain})
    secrets = sorted({str(path[1]) for path in secret_paths(tree) if len(path) > 1})
    return [*found, *({"kind": "secret", "value": name, "certain": True} for name in secrets)]


def _named(kind: TouchKind, node: Node) -> tuple[Any, bool]:
    if kind == "host":
        begin = (
            node.parts[0] if isinstance(node, Text) else None if node.sources else node.resolve({})
        )
        host = _host(begin, whole=not node.sources)
        if host is not None:
            return host, True
    if node.sources:
        return _as_written(node), False
    return node.resolve({}), True


def _host(begin: Any, *, whole: bool) -> str | None:
    """The host of a URL, without who logs in; None when the text does not reach to the end of it."""
    found = _AUTHORITY.match(begin) if isinstance(begin, str) else None
    if found is None or (not whole and found.end() == len(begin)):
        return None
    return urlsplit(found[0]).netloc.rpartition("@")[2]


def _as_written(node: Node) -> str | None:
    """A text with its references, much as the definition has it."""
    if isinstance(node, Text):
        return "".join(
            part if isinstance(part, str) else _as_written(part) or "" for part in node.parts
        )
    if isinstance(node, ExpressionReference):
        return "${{" + node.expression.source.strip() + "}}"
    if isinstance(node, PathReference | SecretReference):
        head, *rest = node.path
        return "${{" + str(head) + "".join(_segment(segment) for segment in rest) + "}}"
    return None


def _segment(segment: str | int) -> str:
    if isinstance(segment, int):
        return f"[{segment}]"
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", segment)
    return f".{segment}" if plain else f"['{segment}']"
