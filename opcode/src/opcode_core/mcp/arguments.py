"""The arguments of a tool call: JSON text decoded where an object or array is wanted, everything wrong said at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opcode_core.errors import OpcodeError, ValidationError
from opcode_core.jsonio import parse_json, type_name
from opcode_core.mcp.schemas import DEFINITION, STEP
from opcode_core.model.problems import Problem, pointer
from opcode_core.suggest import hint_for, listing, nearest

Schema = Mapping[str, Any]
ParamsSchema = Callable[[str], Schema | None]
"""Gives the JSON Schema of an action's parameters; None for an unknown action."""

_ARTICLES = {
    "object": "an object",
    "array": "an array",
    "string": "a string",
    "integer": "a whole number",
    "boolean": "true or false",
}


def read_arguments(given: Any, schema: Schema, params_schema: ParamsSchema) -> dict[str, Any]:
    """Decode and check the arguments of a call.

    Args:
        given: What the client sent as arguments; None for nothing.
        schema: The tool's schema.
        params_schema: Gives the schemas of actions' parameters, which are looked into as well.

    Returns:
        The arguments that were given; those that are null are left out.

    Raises:
        ValidationError: `details.issues` has everything that is wrong.
        LimitExceededError: A JSON text in them is nested too deep.
    """
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise ValidationError(f"the arguments must be an object, not {type_name(given)}")
    properties = schema["properties"]
    problems: list[Problem] = []
    arguments: dict[str, Any] = {}
    for name, value in given.items():
        if name not in properties:
            problems.append(_unknown(name, properties))
        elif value is not None or name in schema["required"]:
            decoded = decode(value, properties[name], params_schema, strict=True)
            problems += _check(decoded, properties[name], pointer("", name))
            arguments[name] = decoded
    problems += [
        Problem(pointer("", name), "MISSING_FIELD", f"the argument `{name}` is missing")
        for name in schema["required"]
        if name not in given
    ]
    if problems:
        text = "; ".join(
            problem.message + (f" ({problem.hint})" if problem.hint else "") for problem in problems
        )
        raise ValidationError(text, {"issues": [problem.to_json() for problem in problems]})
    return arguments


def decode(value: Any, schema: Schema, params_schema: ParamsSchema, *, strict: bool = False) -> Any:
    """Replace JSON text by what it says, wherever the schema wants an object or an array and nothing else.

    Args:
        value: The value as it came.
        schema: What is wanted there.
        params_schema: See `read_arguments`.
        strict: Whether text that is meant to be JSON and is wrong in itself (a duplicate key, NaN) is refused.

    Raises:
        ValidationError: Only with `strict`: the text is JSON but ambiguous or not exact.
        LimitExceededError: Only with `strict`: it is nested too deep.
    """
    wanted = _containers(schema)
    if isinstance(value, str) and wanted:
        value = _parse(value, wanted, strict=strict)
    if isinstance(value, Mapping):
        if schema is STEP or ("action" in value and "params" in value):
            return _decode_step(value, params_schema)
        return {
            name: decode(below, _below(schema, name), params_schema)
            for name, below in value.items()
        }
    if isinstance(value, list):
        items = schema.get("items", {})
        return [decode(item, items, params_schema) for item in value]
    return value


def _decode_step(step: Mapping[str, Any], params_schema: ParamsSchema) -> dict[str, Any]:
    decoded = {}
    for name, value in step.items():
        schema = _below(STEP, name)
        if name == "params":
            action = step.get("action")
            known = params_schema(action) if isinstance(action, str) else None
            schema = _inlined(known) if known is not None else schema
        decoded[name] = decode(value, schema, params_schema)
    return decoded


def _below(schema: Schema, name: str) -> Schema:
    found = schema.get("properties", {}).get(name)
    if found is None:
        found = schema.get("additionalProperties")
    return found if isinstance(found, Mapping) else {}


def _containers(schema: Schema) -> tuple[type, ...]:
    """`dict`, `list` or both, when the schema takes nothing else (null aside)."""
    choices = schema.get("anyOf") or schema.get("oneOf") or [schema]
    kinds: set[type] = set()
    for choice in choices:
        kind = choice.get("type")
        if kind == "object":
            kinds.add(dict)
        elif kind == "array":
            kinds.add(list)
        elif kind != "null":
            return ()
    return tuple(kinds)


def _inlined(schema: Schema) -> dict[str, Any]:
    """A schema of parameters with its `$defs` put where they are referred to; objects are what `type: object` says."""
    definitions = schema.get("$defs", {})

    def inline(part: Any, depth: int) -> Any:
        if isinstance(part, Mapping):
            reference = part.get("$ref")
            if isinstance(reference, str) and depth < 8:  # noqa: PLR2004 - parameters are not deeper
                return inline(definitions.get(reference.rpartition("/")[2], {}), depth + 1)
            return {name: inline(below, depth) for name, below in part.items() if name != "$defs"}
        if isinstance(part, list):
            return [inline(item, depth) for item in part]
        return part

    return {**inline(schema, 0), "type": "object"}


def _parse(text: str, wanted: tuple[type, ...], *, strict: bool) -> Any:
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        value = parse_json(text)
    except OpcodeError as error:
        if strict and not error.message.startswith("not JSON"):
            raise
        return text
    return value if isinstance(value, wanted) else text


def _unknown(name: str, properties: Schema) -> Problem:
    hint = hint_for(name, properties) or f"there are {listing(properties)}"
    return Problem(pointer("", name), "UNKNOWN_FIELD", f"there is no argument `{name}`", hint=hint)


def _check(value: Any, schema: Schema, at: str) -> list[Problem]:
    """What is wrong with one argument; the inside of a definition is the service's to check."""
    kind = schema.get("type")
    name = at[1:]
    if kind is not None and not _is(value, kind):
        if schema is DEFINITION:
            return []
        return [
            Problem(at, "WRONG_TYPE", f"`{name}` must be {_ARTICLES[kind]}, not {type_name(value)}")
        ]
    if kind == "array" and "items" in schema:
        return [
            issue
            for index, item in enumerate(value)
            for issue in _check(item, schema["items"], pointer(at, index))
        ]
    return _check_value(value, schema, at, name)


def _check_value(value: Any, schema: Schema, at: str, name: str) -> list[Problem]:
    choices = schema.get("enum")
    if choices and value not in choices:
        meant = nearest(str(value), choices)
        hint = f"did you mean `{meant}`?" if meant else None
        return [
            Problem(at, "INVALID_VALUE", f"`{name}` must be one of {listing(choices)}", hint=hint)
        ]
    if "minimum" in schema and not schema["minimum"] <= value <= schema["maximum"]:
        message = f"`{name}` must be from {schema['minimum']} to {schema['maximum']}"
        return [Problem(at, "INVALID_VALUE", message)]
    if schema.get("minLength") and not value:
        return [Problem(at, "INVALID_VALUE", f"`{name}` is empty")]
    return []


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    types: dict[str, type | tuple[type, ...]] = {
        "object": Mapping,
        "array": list,
        "string": str,
        "boolean": bool,
    }
    return isinstance(value, types[kind])
