"""What an action says of itself: name, documentation, schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from opcode_core.jsonio import write_json
from opcode_core.testing.contract.subject import BreachError, Subject

MAX_SCHEMA_BYTES = 16 << 10
"""How large a schema may be as JSON: agents read it."""
_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_LONGEST_LINE = 120


def name(subject: Subject) -> None:
    """Its name is `family.verb`."""
    if not _NAME.fullmatch(subject.action.name):
        raise BreachError(
            f"{subject.action.name!r} is no name of an action: write `family.verb`, lower-case letters, digits and "
            "underscores"
        )


def documentation(subject: Subject) -> None:
    """Its docstring begins with one line that stands alone."""
    first, _, rest = subject.action.document.partition("\n")
    if len(first) > _LONGEST_LINE or not first.strip() or rest.partition("\n")[0].strip():
        raise BreachError(
            f"its documentation begins with {first[:60]!r}: lists show the first line alone, so write one sentence of "
            f"at most {_LONGEST_LINE} characters, and an empty line after it"
        )


def described(subject: Subject) -> None:
    """Every parameter and every field of the output has a description."""
    bare = [f"parameter `{one}`" for one in _bare(subject.schema)]
    output = subject.action.output
    if output is not None:
        bare += [f"output `{one}`" for one in _bare(output.model_json_schema(by_alias=True))]
    if bare:
        raise BreachError(
            f"without a description: {', '.join(bare)}. Agents choose by them: write `Field(description=…)`"
        )


def schemas(subject: Subject) -> None:
    """Its schemas are JSON Schemas of draft 2020-12, and small."""
    for what, model in (("parameters", subject.action.params), ("output", subject.action.output)):
        if model is None:
            continue
        schema = model.model_json_schema(by_alias=True)
        try:
            jsonschema_rs.Draft202012Validator(schema)
        except (ValueError, jsonschema_rs.ValidationError) as error:
            why = str(error).splitlines()[0]
            raise BreachError(
                f"the schema of its {what} is no JSON Schema of draft 2020-12: {why}"
            ) from None
        size = len(write_json(schema))
        if size > MAX_SCHEMA_BYTES:
            raise BreachError(
                f"the schema of its {what} is {size} bytes: at most {MAX_SCHEMA_BYTES}. Agents read it: offer fewer "
                "choices, or take a file or a reference"
            )


def named_parameters(subject: Subject) -> None:
    """`secrets` and `touches` name parameters that there are."""
    known = set(subject.schema.get("properties", {}))
    named = {*subject.action.secrets, *subject.action.touches}
    if not named <= known:
        raise BreachError(
            f"`secrets` or `touches` name what is no parameter: {', '.join(sorted(named - known))}. There are "
            f"{', '.join(sorted(known)) or 'none'}"
        )


def _bare(schema: Mapping[str, Any]) -> Iterator[str]:
    """The members without a description, those of nested objects too."""
    for title, one in (("", schema), *sorted(schema.get("$defs", {}).items())):
        for member, inner in one.get("properties", {}).items():
            if not inner.get("description") and "const" not in inner:
                yield f"{title}.{member}" if title else member
