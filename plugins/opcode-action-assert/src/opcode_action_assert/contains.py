"""`assert.contains`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from opcode_core import ActionSource, Effect, Problem, ValidationError, action, pointer
from pydantic import Field, WithJsonSchema

from opcode_action_assert.outcome import AssertParams, Passed, failed
from opcode_action_assert.values import equal, scalar_text, type_name

# Not a union of types: a reference that brings in a number would then be turned into text, and the
# number be searched like a string.
_Haystack = Annotated[Any, WithJsonSchema({"type": ["string", "array", "object"]})]


class ContainsParams(AssertParams):
    """What `assert.contains` takes."""

    haystack: _Haystack = Field(description="Where to look: a string, an array or an object.")
    needle: Any = Field(
        description="What to find: a part of the string, an item of the array, a key of the object."
    )


def _check(source: ActionSource) -> Iterator[Problem]:
    if "haystack" not in source.params or source.references("haystack"):
        return
    haystack = source.params["haystack"]
    if not isinstance(haystack, (str, list, dict)):
        at = pointer(source.pointer, "haystack")
        yield Problem(at, "WRONG_TYPE", _wrong_haystack(haystack))


@action("assert.contains", effect=Effect.PURE, check=_check)
def contains(params: ContainsParams) -> Passed:
    """Assert that `haystack` contains `needle`.

    A string contains its parts, an array its items (compared as `assert.equals` compares, without
    the text of numbers), an object its keys. In a string and among keys, a number or boolean is
    looked for by its text.
    """
    haystack, needle = params.haystack, params.needle
    if not isinstance(haystack, (str, list, dict)):
        raise ValidationError(f"`haystack`: {_wrong_haystack(haystack)}")
    if isinstance(haystack, list):
        found = any(equal(item, needle) for item in haystack)
    else:
        found = _needle_text(haystack, needle) in haystack
    if found:
        return Passed()
    raise failed(
        params,
        f"`haystack`, {type_name(haystack)}, does not contain `needle`",
        {"expected": needle, "actual": haystack},
    )


def _needle_text(haystack: str | dict[str, Any], needle: Any) -> str:
    text = scalar_text(needle)
    if text is None or needle is None:
        raise ValidationError(
            f"`needle`: expected a string, as `haystack` is {type_name(haystack)}, "
            f"found {type_name(needle)}"
        )
    return text


def _wrong_haystack(haystack: Any) -> str:
    return f"expected a string, an array or an object, found {type_name(haystack)}"
