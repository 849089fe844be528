"""JSON Schemas: `input_schema` and `output_schema`, checked at define, compiled for running."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, NoReturn

import jsonschema_rs

from opcode_core.errors import OpcodeError
from opcode_core.jsonio import type_name, write_json
from opcode_core.model.definition import SchemaCheck
from opcode_core.model.problems import pointer
from opcode_core.plan.problems import Problems
from opcode_core.schema_weight import weigh, weigh_compiling

_MOST_ERRORS = 20
_HEAVIEST = 100_000
"""How much a schema may weigh."""
_LIGHT = 10_000
"""How much it may weigh, references followed, for every error to be named."""
_PATTERN_BYTES = 1 << 20
_META_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def compile_schema(schema: Any, problems: Problems) -> SchemaCheck | None:
    """Check a JSON Schema of draft 2020-12 and compile it.

    Args:
        schema: The schema; None for none.
        problems: Where problems go.

    Returns:
        The check; None when there is no schema, or one that cannot be used.
    """
    if schema is None:
        return None
    if not isinstance(schema, (dict, bool)):
        problems.add(
            "",
            "WRONG_TYPE",
            f"expected a JSON Schema, which is an object, found {type_name(schema)}",
        )
        return None
    faults = _faults(schema)
    for path, message in faults:
        problems.add(path, "BAD_SCHEMA", message)
    if faults:
        return None
    try:
        validator = jsonschema_rs.Draft202012Validator(
            schema,
            retriever=_refuse,
            mask="the value",
            pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES),
        )
    except ValueError as error:
        path = pointer("", *getattr(error, "instance_path", ()))
        problems.add(path, "BAD_SCHEMA", f"the schema cannot be used: {str(error).splitlines()[0]}")
        return None
    return functools.partial(_errors, validator, math.isfinite(weigh(schema, _LIGHT)))


def _faults(schema: Any) -> list[tuple[str, str]]:
    """What is wrong with a schema, before anything is compiled: `(path, message)`."""
    try:
        write_json(schema)
    except OpcodeError as error:
        return [("", error.message)]
    remote = _remote_references(schema)
    if remote:
        return [
            (path, f"`$ref` leads to {uri!r}: only references inside the schema are followed")
            for path, uri in remote
        ]
    invalid = _meta_errors(schema)
    if not invalid and math.isinf(weigh_compiling(schema, _HEAVIEST)):
        return [("", "the schema is too heavy: its references multiply, or it has too many parts")]
    return invalid


def apply_defaults(schema: Any, value: dict[str, Any]) -> dict[str, Any]:
    """Fill in the `default` of each property of a schema that the value does not have, also below.

    Args:
        schema: A valid schema.
        value: The object; it is not changed.
    """
    if not isinstance(schema, Mapping) or not isinstance(schema.get("properties"), Mapping):
        return value
    filled = dict(value)
    for name, below in schema["properties"].items():
        if not isinstance(below, Mapping):
            continue
        if name not in filled and "default" in below:
            filled[name] = below["default"]
        if isinstance(filled.get(name), dict):
            filled[name] = apply_defaults(below, filled[name])
    return filled


def _errors(validator: Any, light: bool, value: Any) -> list[dict[str, str]]:  # noqa: FBT001 - bound, never written
    if validator.is_valid(value):
        return []
    if not light:  # naming every place at fault could take very long
        return [
            {
                "path": "",
                "message": "it is not what the schema says; the schema is too heavy to say where",
            }
        ]
    found = []
    for error in validator.iter_errors(value):
        found.append({"path": pointer("", *error.instance_path), "message": error.message})
        if len(found) == _MOST_ERRORS:
            break
    return found


def _meta_errors(schema: Any) -> list[tuple[str, str]]:
    errors = []
    for error in _meta_validator().iter_errors(schema):
        errors.append((pointer("", *error.instance_path), error.message))
        if len(errors) == _MOST_ERRORS:
            break
    return errors


@functools.cache
def _meta_validator() -> Any:
    """The validator of schemas themselves; the library carries the meta-schema, nothing is fetched."""
    return jsonschema_rs.Draft202012Validator({"$ref": _META_SCHEMA}, retriever=_refuse)


def _remote_references(schema: Any) -> list[tuple[str, str]]:
    found = []
    stack: list[tuple[str, Any]] = [("", schema)]
    while stack:
        at, value = stack.pop()
        if isinstance(value, Mapping):
            for name, below in value.items():
                if (
                    name in ("$ref", "$dynamicRef")
                    and isinstance(below, str)
                    and not below.startswith("#")
                ):
                    found.append((pointer(at, name), below))
                stack.append((pointer(at, name), below))
        elif isinstance(value, list):
            stack.extend((pointer(at, index), below) for index, below in enumerate(value))
    return found


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is not fetched")
