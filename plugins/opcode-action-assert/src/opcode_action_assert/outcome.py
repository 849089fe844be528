"""What all assertions share: the parameter `message`, the output `{"pass": true}`, the failure."""

from __future__ import annotations

from typing import Any, Literal

from opcode_core import AssertionFailedError, Output, Params
from pydantic import Field


class AssertParams(Params):
    """What every assertion takes."""

    message: str | None = Field(
        default=None, description="What the error says when the assertion does not hold."
    )


class Passed(Output):
    """What an assertion that holds gives."""

    passed: Literal[True] = Field(default=True, alias="pass")


def failed(params: AssertParams, found: str, details: dict[str, Any]) -> AssertionFailedError:
    """Make the error of an assertion that does not hold.

    Args:
        params: The assertion's parameters; its own `message` goes before ours.
        found: What was found, in a sentence that holds no value of the workflow's.
        details: What an agent needs to act: the values and where they differ.
    """
    return AssertionFailedError(params.message or found, details)
