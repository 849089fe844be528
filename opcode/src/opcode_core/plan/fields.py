"""Checking the members of an object: which there are, of what type, and which are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opcode_core.durations import parse_duration
from opcode_core.fields import Field, Kind
from opcode_core.jsonio import compact_json, type_name
from opcode_core.model.problems import ProblemCode, pointer
from opcode_core.plan.problems import Problems

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": (dict, Mapping),
    "array": list,
    "string": str,
    "boolean": bool,
}
_ARTICLES = {
    "object": "an object",
    "array": "an array",
    "string": "a string",
    "integer": "an integer",
    "boolean": "true or false",
    "duration": "a duration such as `30s`",
}


def check_object(
    value: Any, fields: Mapping[str, Field], at: str, problems: Problems
) -> dict[str, Any]:
    """Check an object's members.

    Args:
        value: What stands there, which may be no object at all.
        fields: What may be in it.
        at: Where it stands, as a JSON Pointer.
        problems: Where problems go.

    Returns:
        The members that are as they should be, durations as seconds; the others are reported and left out.
    """
    if not isinstance(value, Mapping):
        wrong_type(value, "object", at, problems)
        return {}
    good: dict[str, Any] = {}
    misspelt: set[str | None] = set()
    for name, member in value.items():
        field = fields.get(name)
        if field is None:
            misspelt.add(problems.unknown_field(at, name, fields, value))
        elif check_member(member, field, pointer(at, name), problems):
            good[name] = parse_duration(member) if field.kind == "duration" else member
    for name, field in fields.items():
        if field.required and name not in value and name not in misspelt:
            problems.add(
                pointer(at, name),
                "MISSING_FIELD",
                f"`{name}` is missing: {_ARTICLES.get(field.kind, 'a value')}",
            )
    return good


def check_member(value: Any, field: Field, at: str, problems: Problems) -> bool:
    """Check one member; report what is wrong and say whether it is as it should be."""
    if not _is(value, field.kind):
        wrong_type(value, field.kind, at, problems, short=field.short)
        return False
    if field.kind == "duration":
        return _check_duration(value, at, problems)
    if field.choices and value not in field.choices:
        problems.not_one_of(at, value, list(field.choices))
        return False
    if field.least is not None and value < field.least:
        problems.add(at, "INVALID_VALUE", f"{value} is too small: at least {field.least}")
        return False
    if field.most is not None and value > field.most:
        problems.add(at, "LIMIT_EXCEEDED", f"{value} is too much: at most {field.most}")
        return False
    if field.warn_above is not None and value > field.warn_above:
        problems.add(
            at,
            "INVALID_VALUE",
            f"{value} is a lot: more than {field.warn_above} is rarely meant",
            warning=True,
        )
    return True


def wrong_type(
    value: Any, kind: Kind, at: str, problems: Problems, *, short: str | None = None
) -> None:
    """Report a value of the wrong type."""
    code: ProblemCode = "BAD_DURATION" if kind == "duration" else "WRONG_TYPE"
    hint: str | None = None
    fix: list[dict[str, Any]] | None = None
    if kind == "duration" and isinstance(value, int) and not isinstance(value, bool):
        hint = f'write it with its unit: "{value}s" or "{value}ms"'
    elif kind == "array" and (
        isinstance(value, str) or (isinstance(value, Mapping) and "id" in value)
    ):
        hint, fix = "write it in brackets", [{"op": "replace", "path": at, "value": [value]}]
    elif short is not None and isinstance(value, (str, int)) and not isinstance(value, bool):
        whole = {short: value}
        hint, fix = f"write {compact_json(whole)}", [{"op": "replace", "path": at, "value": whole}]
    elif kind == "string" and isinstance(value, (bool, int, float)):
        hint = "write it in quotes"
    problems.add(
        at, code, f"expected {_ARTICLES[kind]}, found {type_name(value)}", hint=hint, fix=fix
    )


def _is(value: Any, kind: Kind) -> bool:
    if kind == "any":
        return True
    if kind == "duration":
        return isinstance(value, str)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, _TYPES[kind])


def _check_duration(value: str, at: str, problems: Problems) -> bool:
    try:
        parse_duration(value)
    except ValueError as error:
        problems.add(at, "BAD_DURATION", str(error))
        return False
    return True
