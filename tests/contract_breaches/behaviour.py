"""Actions that give, raise or write what they should not."""

from __future__ import annotations

import os
import traceback
from typing import Any

from opcode_core import Effect, ExecutionError, Output, Params, action
from opcode_core.testing import Example
from pydantic import Field

from contract_breaches.breach import Breach


class Text(Params):
    text: str = Field(description="A text.")


class Counted(Output):
    count: int = Field(description="How many.")


@action("breach.other", effect=Effect.PURE)
def other(params: Text) -> Counted:
    """Declare an output and give something else."""
    return {"count": len(params.text)}  # type: ignore[return-value] # that is the breach


@action("breach.untrue", effect=Effect.PURE)
def untrue(params: Text) -> Counted:
    """Give the output that was declared, with a value that it cannot have."""
    return Counted.model_construct(count=params.text)


@action("breach.unjson", effect=Effect.PURE)
def unjson(params: Text) -> Any:
    """Give what is no JSON."""
    return {"letters": set(params.text)}


@action("breach.nan", effect=Effect.PURE)
def nan() -> Any:
    """Give a number that JSON does not have."""
    return {"ratio": float("nan")}


@action("breach.failing", effect=Effect.PURE)
def failing(params: Text) -> Any:
    """Fail where the example says that it does not."""
    raise ExecutionError("it does not work today")


@action("breach.raising", effect=Effect.PURE)
def raising(params: Text) -> Any:
    """Raise what Python raises."""
    return {"a": 1}[params.text]


@action("breach.odd", effect=Effect.PURE)
def odd(params: Text) -> Any:
    """Fall over an empty text."""
    return params.text[0]


@action("breach.tracing", effect=Effect.PURE)
def tracing(params: Text) -> Any:
    """Tell a traceback."""
    try:
        return int(params.text)
    except ValueError:
        raise ExecutionError(traceback.format_exc()) from None


@action("breach.silent", effect=Effect.PURE)
def silent(params: Text) -> Any:
    """Say nothing of what went wrong."""
    raise ExecutionError(" ")


@action("breach.printing", effect=Effect.PURE)
def printing(params: Text) -> Any:
    """Print."""
    print("here I am")  # noqa: T201 - that is the breach


@action("breach.writing", effect=Effect.PURE)
def writing(params: Text) -> Any:
    """Write to the descriptor of standard output."""
    os.write(1, b"here I am")


_X = (Example({"text": "x"}),)

BREACHES = (
    Breach("output", "declares Counted and gives dict", other),
    Breach("output", "not what its schema says, at /count", untrue),
    Breach("output", "the action gave what is not JSON", unjson),
    Breach("output", "NaN", nan),
    Breach("output", "fails: EXECUTION_ERROR: it does not work today", failing, _X),
    Breach("errors", "raised KeyError", raising),
    Breach("errors", "raised IndexError for an odd `text`", odd),
    Breach("errors", "a traceback", tracing),
    Breach("errors", "is empty", silent),
    Breach("standard_output", "here I am", printing),
    Breach("standard_output", "here I am", writing),
)
