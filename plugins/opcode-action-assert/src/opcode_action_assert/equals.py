"""`assert.equals`."""

from __future__ import annotations

from typing import Any

from opcode_core import ActionContext, Effect, action
from pydantic import Field

from opcode_action_assert.outcome import AssertParams, Passed, failed
from opcode_action_assert.values import differences, equal, scalar_text, type_name

MAX_DIFFERENCES = 20
"""How many differences an error lists."""


class EqualsParams(AssertParams):
    """What `assert.equals` takes."""

    expected: Any = Field(description="What should be; any JSON.")
    actual: Any = Field(description="What is; any JSON.")


@action("assert.equals", effect=Effect.PURE)
def equals(params: EqualsParams, context: ActionContext) -> Passed:
    """Assert that `actual` equals `expected`, deeply.

    Objects are equal whatever the order of their keys, arrays only in the same order. 1 equals 1.0
    and does not equal true. A number or boolean that a reference brings in also equals its text:
    200 from a step's output equals "200".
    """
    if equal(params.expected, params.actual) or _equal_as_text(params, context):
        return Passed()
    diff = differences(params.expected, params.actual, MAX_DIFFERENCES)
    details = {"expected": params.expected, "actual": params.actual, "diff": diff}
    raise failed(params, _sentence(diff), details)


def _equal_as_text(params: EqualsParams, context: ActionContext) -> bool:
    sides = {"expected": params.expected, "actual": params.actual}
    texts = [name for name, value in sides.items() if isinstance(value, str)]
    others = [name for name, value in sides.items() if isinstance(value, (bool, int, float))]
    if len(texts) != 1 or len(others) != 1:
        return False
    other = others[0]
    if scalar_text(sides[other]) != sides[texts[0]]:
        return False
    return bool(context.provenance.sources(other))


def _sentence(diff: list[dict[str, Any]]) -> str:
    first = diff[0]
    where = f" at {first['path']}" if first["path"] else ""
    if "actual" not in first:
        said = f"`actual` is not `expected`: nothing{where}, {_a(first, 'expected')} was expected"
    elif "expected" not in first:
        said = f"`actual` is not `expected`: {_a(first, 'actual')}{where}, nothing was expected"
    elif _a(first, "expected") == _a(first, "actual"):
        said = f"`actual` is not `expected`: another {_a(first, 'actual').split()[-1]}{where}"
    else:
        said = (
            f"`actual` is not `expected`: {_a(first, 'actual')}{where}, "
            f"{_a(first, 'expected')} was expected"
        )
    return said if len(diff) == 1 else f"{said}, and more differences"


def _a(difference: dict[str, Any], side: str) -> str:
    return type_name(difference[side])
