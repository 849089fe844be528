"""JSON Schema 2020-12, checked by jsonschema-rs; also a program that does it in a process of its own.

The library keeps the interpreter to itself while it works, so a schema that makes much work must be
checked elsewhere to be stoppable at all. As a program this module reads `{"schema", "data"}` as
JSON, and writes a line `{"valid"}` or `{"problems"}`, then, for what is not valid, one `{"errors"}`.
It imports nothing of ours: it has to start quickly.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

MAX_ERRORS = 100
"""How many errors are listed."""
MAX_SECONDS = 5
"""How long a check in a process of its own may take."""
MAX_MEMORY = 1 << 30
"""How much memory it may take, in bytes."""

Found = dict[str, str]
"""`{path, message}`: a JSON Pointer and what is wrong there."""

_META_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_MASK = "the value"
_MAX_MESSAGE = 500
_MAX_TEXT = 1 << 16
_PATTERN_BYTES = 1 << 20


class UnusableSchemaError(Exception):
    """A schema that nothing can be checked against.

    Args:
        problems: What is wrong with it; pointers lead into the schema.
    """

    def __init__(self, problems: list[Found]) -> None:
        super().__init__("; ".join(_sentence(problem) for problem in problems[:5]))
        self.problems = problems


def compile_schema(schema: Any) -> Any:
    """Make a validator of a schema.

    Args:
        schema: The schema: an object or a boolean.

    Raises:
        UnusableSchemaError: It is no valid schema of draft 2020-12, refers to something outside of
            itself (nothing is ever fetched or read), or has a pattern that cannot be run in linear
            time.
    """
    import jsonschema_rs

    if not isinstance(schema, (dict, bool)):
        raise UnusableSchemaError([{"path": "", "message": "a schema is an object or a boolean"}])
    meta = _meta_validator()
    if not meta.is_valid(schema):
        raise UnusableSchemaError(list_errors(meta, schema)[0])
    try:
        return jsonschema_rs.Draft202012Validator(
            schema,
            retriever=_refuse,
            mask=_MASK,
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES),
        )
    except jsonschema_rs.ValidationError as error:
        raise UnusableSchemaError(list(_explain(error, schema))) from None
    except ValueError as error:
        raise UnusableSchemaError(
            [{"path": "", "message": str(error).partition("\n")[0]}]
        ) from None


def list_errors(validator: Any, data: Any) -> tuple[list[Found], bool]:
    """List what is wrong with a value, without showing the value.

    Args:
        validator: What `compile_schema` gave.
        data: The value, as JSON.

    Returns:
        At most `MAX_ERRORS` errors, none twice, and whether there are more.
    """
    listed: dict[tuple[str, str], Found] = {}
    size = 0
    for error in validator.iter_errors(data):
        found = {"path": _pointer(error.instance_path), "message": error.message[:_MAX_MESSAGE]}
        size += len(found["path"]) + len(found["message"])
        if len(listed) == MAX_ERRORS or (listed and size > _MAX_TEXT):
            return list(listed.values()), True
        listed[found["path"], found["message"]] = found
    return list(listed.values()), False


@functools.cache
def _meta_validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator({"$ref": _META_SCHEMA}, retriever=_refuse, mask=_MASK)


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{len(uri)} characters long and not fetched")


def _explain(error: Any, schema: Any) -> Iterator[Found]:
    """Say in our words what the library's compiler refuses, and where that stands in the schema."""
    if error.kind.name == "format":
        yield {
            "path": _pointer(error.instance_path),
            "message": "this regular expression cannot be run in linear time: it is too large, not "
            "well-formed, or has lookaround or backreferences",
        }
        return
    if error.kind.name != "$ref":
        yield {"path": _pointer(error.instance_path), "message": error.message[:_MAX_MESSAGE]}
        return
    remote = error.message.startswith("Resource ")
    message = (
        "this reference leads out of the schema, and nothing is fetched: put what it names under "
        "`$defs` and refer to `#/$defs/…`"
        if remote
        else "this reference leads to nothing in the schema"
    )
    places = [
        path
        for path, target in _references(schema)
        if (not target.startswith("#") if remote else f"'{target[1:]}'" in error.message)
    ]
    for path in itertools.islice(places or [""], MAX_ERRORS):
        yield {"path": path, "message": message}


def _references(schema: Any) -> Iterator[tuple[str, str]]:
    stack: list[tuple[str, Any]] = [("", schema)]
    while stack:
        at, value = stack.pop()
        if isinstance(value, dict):
            for name, below in value.items():
                if name in ("$ref", "$dynamicRef") and isinstance(below, str):
                    yield at + _pointer([name]), below
            stack.extend((at + _pointer([name]), below) for name, below in value.items())
        elif isinstance(value, list):
            stack.extend((f"{at}/{index}", below) for index, below in enumerate(value))


def _pointer(path: Iterable[str | int]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _sentence(problem: Found) -> str:
    return f"{problem['path']}: {problem['message']}" if problem["path"] else problem["message"]


def _limit_ourselves() -> None:
    """Bound time and memory also for when nobody is left to stop us."""
    import resource

    for limit, most in (
        (resource.RLIMIT_CPU, MAX_SECONDS),
        (resource.RLIMIT_AS, MAX_MEMORY),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a system that does not know this limit
            resource.setrlimit(limit, (most, most))


def _answer(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Check what standard input holds, and write what was found to standard output."""
    _limit_ourselves()
    given = json.loads(sys.stdin.buffer.read())
    try:
        validator = compile_schema(given["schema"])
    except UnusableSchemaError as error:
        _answer({"problems": error.problems})
        return
    valid = validator.is_valid(given["data"])
    _answer({"valid": valid})
    if not valid:
        errors, more = list_errors(validator, given["data"])
        _answer({"errors": errors, "more": more})


if __name__ == "__main__":
    main()
