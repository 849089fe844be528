"""`assert.schema`."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opcode_core import (
    ActionSource,
    Effect,
    Problem,
    ValidationError,
    action,
    compact_json,
    pointer,
    weigh,
    weigh_compiling,
)
from pydantic import Field

from opcode_action_assert.outcome import AssertParams, Passed, failed
from opcode_action_assert.validation import (
    Found,
    UnusableSchemaError,
    compile_schema,
    list_errors,
)

IN_PLACE_WEIGHT = 5_000
"""Up to this weight a schema is compiled in this process, and kept; here it may also be checked."""
IN_PLACE_CHECK = 5_000_000
"""Up to this product of weight and bytes of data it is checked here: at most about 100 ms."""
IN_PLACE_LIST = 30_000
"""The same for listing errors, each of which is a thousand times as dear as a step of a check."""
_MAX_KEPT = 1 << 16


class SchemaParams(AssertParams):
    """What `assert.schema` takes."""

    data: Any = Field(description="What to check; any JSON.")
    schema_: dict[str, Any] | bool = Field(
        alias="schema",
        description="A JSON Schema of draft 2020-12. References stay inside the schema; formats "
        "are checked; patterns have neither lookaround nor backreferences.",
    )


@dataclass(frozen=True, slots=True)
class _Compiled:
    validator: Any
    weight: float


def _check(source: ActionSource) -> Iterator[Problem]:
    schema = source.params.get("schema")
    if not isinstance(schema, (dict, bool)) or source.references("schema"):
        return
    try:
        _compile(compact_json(schema))
    except UnusableSchemaError as error:
        at = pointer(source.pointer, "schema")
        for problem in error.problems:
            yield Problem(at + problem["path"], "BAD_SCHEMA", problem["message"])


@action("assert.schema", effect=Effect.PURE, check=_check)
async def schema(params: SchemaParams) -> Passed:
    """Assert that `data` is valid against `schema` (JSON Schema, draft 2020-12).

    The error's `details.errors` lists what is wrong, at most 100 times: `path` is a JSON Pointer
    into `data`. A `$ref` that leads out of the schema is refused; nothing is ever fetched.
    """
    try:
        errors, more = await _errors(params)
    except UnusableSchemaError as error:
        issues = [
            {
                "path": "/schema" + problem["path"],
                "code": "BAD_SCHEMA",
                "message": problem["message"],
            }
            for problem in error.problems
        ]
        raise ValidationError(f"`schema` cannot be used: {error}", {"issues": issues}) from None
    if not errors:
        return Passed()
    details: dict[str, Any] = {"errors": errors}
    if more:
        details["truncated"] = True
    first = errors[0]
    where = f" at {first['path']}" if first["path"] else ""
    raise failed(params, f"`data` does not match `schema`{where}: {first['message']}", details)


async def _errors(params: SchemaParams) -> tuple[list[Found], bool]:
    schema_text, data_text = compact_json(params.schema_), compact_json(params.data)
    compiled = _compile(schema_text)
    work = compiled.weight * len(data_text) if compiled else math.inf
    if compiled and work <= IN_PLACE_CHECK:
        if compiled.validator.is_valid(params.data):
            return [], False
        if work <= IN_PLACE_LIST:
            return list_errors(compiled.validator, params.data)
    from opcode_action_assert.worker import check_elsewhere

    return await check_elsewhere(f'{{"schema":{schema_text},"data":{data_text}}}'.encode())


def _compile(text: str) -> _Compiled | None:
    """The compiled schema; None for one that makes too much work to be handled in this process."""
    return _compile_small(text) if len(text) <= _MAX_KEPT else None


@functools.lru_cache(maxsize=256)
def _compile_small(text: str) -> _Compiled | None:
    value = json.loads(text)
    if math.isinf(weigh_compiling(value, IN_PLACE_WEIGHT)):
        return None
    return _Compiled(compile_schema(value), weigh(value, IN_PLACE_WEIGHT))
