"""What is declared about the values that references read: JSON Schemas, followed along a path.

Only what is certain counts: where a schema says nothing, or in a way that is not followed here, anything may be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from opcode_core.jsonio import type_name
from opcode_core.references.resolve import with_article
from opcode_core.suggest import listing

_ALL = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_UNFOLLOWED = frozenset(
    {"allOf", "not", "if", "$dynamicRef", "dependentSchemas", "unevaluatedProperties", "$id"}
)
_MOST = 64
"""How many alternatives are followed at once; of more, nothing is said."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value may be: one of several schemas.

    Attributes:
        schemas: The alternatives; each an object, references not yet followed.
        root: The document that `$ref` leads into.
    """

    schemas: tuple[Mapping[str, Any], ...]
    root: Any

    def types(self) -> frozenset[str] | None:
        """The JSON types it may have; None when nothing is said about that."""
        found: set[str] = set()
        alternatives = _flat(self.schemas, self.root)
        for schema in alternatives or ({},):
            types = _types(schema)
            if types is None:
                return None
            found |= types
        return frozenset(found) or None


@dataclass(frozen=True, slots=True)
class Miss:
    """A path that leads nowhere, whichever alternative the value is.

    Attributes:
        position: The index of the segment that is not there.
        names: The members that are there instead; empty when it is no object.
        types: The JSON types of the value that lacks it.
    """

    position: int
    names: tuple[str, ...]
    types: frozenset[str]

    def says(self) -> str:
        """What is there instead, for a message."""
        if self.names:
            return f"it has {listing(self.names)}"
        return f"it is {' or '.join(sorted(with_article(one) for one in self.types))}"


def shape_of(schema: Any) -> Shape | None:
    """The shape a JSON Schema describes; None when it says nothing."""
    return Shape((schema,), schema) if isinstance(schema, Mapping) and schema else None


def walk(shape: Shape, path: Sequence[str | int], start: int) -> Shape | Miss | None:
    """Follow a path into a value.

    Args:
        shape: What the value may be.
        path: The whole path.
        start: The index of the first segment that leads into the value.

    Returns:
        What stands at the end; None when anything may; a `Miss` when nothing can.
    """
    for position in range(start, len(path)):
        alternatives = _flat(shape.schemas, shape.root)
        if alternatives is None:
            return None
        found: list[Mapping[str, Any]] = []
        names: dict[str, None] = {}
        types: set[str] = set()
        for schema in alternatives:
            step = _member(schema, path[position])
            if step is None:
                return None
            if isinstance(step, Mapping):
                found.append(step)
            else:
                names |= dict.fromkeys(step)
                types |= _types(schema) or _ALL
        if not found:
            return Miss(position, tuple(names), frozenset(types))
        shape = Shape(tuple(found), shape.root)
    return shape


def _member(schema: Mapping[str, Any], segment: str | int) -> Mapping[str, Any] | list[str] | None:
    """The schema of one member; a list of the members there are when it has none such; None when it may be anything."""
    if _UNFOLLOWED & schema.keys():
        return None
    types = _types(schema) or _ALL
    names: list[str] = []
    hits: list[Mapping[str, Any]] = []
    for one in types & {"object", "array"}:
        found = _property(schema, str(segment)) if one == "object" else _item(schema, segment)
        if found is None:
            return None
        if isinstance(found, list):
            names += found
        else:
            hits.append(found)
    if len(hits) > 1:
        return None
    return hits[0] if hits else names


def _property(schema: Mapping[str, Any], name: str) -> Mapping[str, Any] | list[str] | None:
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        return None
    if name in properties:
        return _usable(properties[name])
    if "patternProperties" in schema:
        return None
    others = schema.get("additionalProperties", True)
    return [str(one) for one in properties] if others is False else _usable(others)


def _item(schema: Mapping[str, Any], segment: str | int) -> Mapping[str, Any] | list[str] | None:
    text = str(segment)
    if not (text.isascii() and text.isdigit()):
        return []
    return None if "prefixItems" in schema else _usable(schema.get("items"))


def _usable(schema: Any) -> Mapping[str, Any] | None:
    return schema if isinstance(schema, Mapping) and schema else None


def _types(schema: Mapping[str, Any]) -> frozenset[str] | None:
    """The JSON types one schema allows; None when it does not say."""
    if "const" in schema:
        return _type_of(schema["const"])
    if isinstance(schema.get("enum"), list):
        return frozenset().union(*(_type_of(value) for value in schema["enum"]))
    said = schema.get("type")
    types = frozenset([said] if isinstance(said, str) else said if _is_texts(said) else ())
    return types if types and types < _ALL else None


def _type_of(value: Any) -> frozenset[str]:
    if isinstance(value, bool):
        return frozenset({"boolean"})
    if isinstance(value, int):
        return frozenset({"integer"})
    return frozenset({"number" if isinstance(value, float) else type_name(value)})


def _is_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _flat(schemas: Sequence[Mapping[str, Any]], root: Any) -> list[Mapping[str, Any]] | None:
    """The alternatives with references and `anyOf` resolved; None when one of them may be anything."""
    found: list[Mapping[str, Any]] = []
    waiting = list(reversed(schemas))
    for _ in range(_MOST):
        if not waiting:
            return found
        schema = waiting.pop()
        choices = schema.get("anyOf", schema.get("oneOf"))
        if "$ref" in schema:
            target = _target(root, schema["$ref"])
            if target is None:
                return None
            waiting.append(target)
        elif isinstance(choices, list) and "type" not in schema:
            if not choices or not all(_usable(one) for one in choices):
                return None
            waiting.extend(reversed(choices))
        else:
            found.append(schema)
    return None


def _target(root: Any, reference: Any) -> Mapping[str, Any] | None:
    """What a reference inside the document leads to, when it is a plain JSON Pointer."""
    if not isinstance(reference, str) or not reference.startswith("#/") or "%" in reference:
        return None
    value = root
    for part in reference[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return _usable(value)
