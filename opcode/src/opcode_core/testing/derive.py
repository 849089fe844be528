"""Parameters made from a JSON Schema: some that an action should take, and some that it should not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SAMPLES: Mapping[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": 3,
    "number": 1.5,
    "string": "text",
    "array": [],
    "object": {},
}
"""A value of each type of JSON."""
_DEEPEST = 8


class NotDerivableError(Exception):
    """A value cannot be made from the schema alone; the message says which and why."""


def derive(schema: Mapping[str, Any], *, everything: bool = False) -> dict[str, Any]:
    """Make parameters.

    Of each the first of `examples` is taken, else its default, a constant or choice, else a small value of its type.

    Args:
        schema: The schema of the parameters, an object.
        everything: Whether parameters that are not required are given too.

    Raises:
        NotDerivableError: One has a pattern or format, or another shape that says too little.
    """
    properties = schema.get("properties", {})
    names = list(properties) if everything else list(schema.get("required", ()))
    for choice in ("anyOf", "oneOf"):  # "one of these is required"
        if not everything and schema.get(choice):
            names += schema[choice][0].get("required", ())
    made = {}
    for name in names:
        try:
            made[name] = _value(properties[name], schema, 0)
        except NotDerivableError as error:
            raise NotDerivableError(f"`{name}`: {error}") from None
    return made


def types_of(schema: Any, root: Mapping[str, Any]) -> frozenset[str]:
    """The types a schema lets a value have; all when it does not say."""
    everything = frozenset(SAMPLES)
    if not isinstance(schema, Mapping):
        return everything
    schema = _resolved(schema, root)
    if "const" in schema or "enum" in schema:
        choices = schema.get("enum", [schema.get("const")])
        return frozenset(_type(one) for one in choices)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return frozenset().union(*(types_of(one, root) for one in schema[choice]))
    named = schema.get("type")
    if named is None:
        return everything
    found = frozenset([named] if isinstance(named, str) else named)
    return found | {"integer"} if "number" in found else found


def _value(schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or not schema:
        return SAMPLES["string"]
    if depth > _DEEPEST:
        raise NotDerivableError("its schema goes round in a circle")
    schema = {**_resolved(schema, root), **{k: v for k, v in schema.items() if k != "$ref"}}
    said = [
        *schema.get("examples", ()),
        *(one for one in [schema.get("default")] if one is not None),
        *([schema["const"]] if "const" in schema else schema.get("enum", ())),
    ]
    if said:
        return said[0]
    alternatives = schema.get("anyOf", schema.get("oneOf"))
    if alternatives is not None:
        return _first(alternatives, root, depth)
    named = schema.get("type", "string")
    return _of_type(named if isinstance(named, str) else named[0], schema, root, depth)


def _first(schemas: list[Any], root: Mapping[str, Any], depth: int) -> Any:
    why = "it has no alternative"
    for one in schemas:
        try:
            return _value(one, root, depth + 1)
        except NotDerivableError as error:
            why = str(error)
    raise NotDerivableError(why)


def _of_type(named: str, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    if named == "string":
        return _text(schema)
    if named in ("integer", "number"):
        return _number(schema, SAMPLES["integer"])
    if named == "array":
        least = schema.get("minItems", 0)
        return [_value(schema.get("items", {}), root, depth + 1) for _ in range(least)]
    if named == "object":
        properties = schema.get("properties", {})
        return {
            name: _value(properties.get(name, {}), root, depth + 1)
            for name in schema.get("required", ())
        }
    return SAMPLES[named]


def _text(schema: Mapping[str, Any]) -> str:
    for keyword in ("pattern", "format", "contentEncoding"):
        if keyword in schema:
            raise NotDerivableError(f"its schema has `{keyword}`")
    text = str(SAMPLES["string"])
    least: int = schema.get("minLength", 0)
    text += "x" * max(0, least - len(text))
    most: int = schema.get("maxLength", len(text))
    return text[:most]


def _number(schema: Mapping[str, Any], wanted: int) -> Any:
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum", wanted - step) + step)
    high = schema.get("maximum", schema.get("exclusiveMaximum", wanted + step) - step)
    value = min(max(wanted, low), high)
    return value if step == 1 else value // step * step


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(_DEEPEST):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
            return schema
        schema = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
    return schema


def _type(value: Any) -> str:
    for name, sample in SAMPLES.items():
        if type(value) is type(sample):
            return name
    return "object"
