"""What a loop goes over: a list, a reference, a JSON literal, a jq program or CEL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opcode_core import (
    Expression,
    Problem,
    StepSource,
    Template,
    ValidationError,
    has_reference,
    parse_json,
    pointer,
    type_name,
)

_PATH = ("config", "over")


def compile_items(over: Any, source: StepSource) -> Template | Expression | list[Any] | None:
    """Compile `over`.

    Args:
        over: As written.
        source: The loop.

    Returns:
        The items themselves when they stand there without a reference; None when something is wrong, which is reported.
    """
    if isinstance(over, list):
        return source.template(over, *_PATH) if _holds_reference(over) else over
    if isinstance(over, Mapping):
        return source.expression(over, *_PATH)
    if isinstance(over, str):
        return _from_text(over.strip(), source)
    message = f"expected an array, a reference or an expression, found {type_name(over)}"
    source.report(Problem(pointer(source.pointer, *_PATH), "WRONG_TYPE", message))
    return None


def _from_text(text: str, source: StepSource) -> Template | Expression | list[Any] | None:
    if has_reference(text):
        return _reference(text, source)
    try:
        value = parse_json(text.encode())
    except (ValidationError, UnicodeEncodeError):
        return _expression(text, source)
    if isinstance(value, list):
        return value
    message = f"this is JSON, but {type_name(value)}: a loop goes over an array"
    source.report(Problem(pointer(source.pointer, *_PATH), "WRONG_TYPE", message))
    return None


def _holds_reference(value: Any) -> bool:
    if isinstance(value, str):
        return has_reference(value)
    if isinstance(value, Mapping):
        return any(has_reference(key) or _holds_reference(item) for key, item in value.items())
    return isinstance(value, list) and any(_holds_reference(item) for item in value)


def _reference(text: str, source: StepSource) -> Template | None:
    if text.startswith("${{") and text.endswith("}}"):
        return source.template(text, *_PATH, accepts=("array",))
    message = "a loop goes over one reference: text beside it makes a text of it"
    hint = "put the whole expression into one `${{ }}`"
    source.report(Problem(pointer(source.pointer, *_PATH), "BAD_EXPRESSION", message, hint=hint))
    return None


def _expression(text: str, source: StepSource) -> Expression | None:
    if text.startswith("."):
        return source.expression(text, *_PATH, engine="jq")
    if text.startswith("["):
        return source.expression(text, *_PATH, engine=("jq", "cel"))
    return source.expression(text, *_PATH)
