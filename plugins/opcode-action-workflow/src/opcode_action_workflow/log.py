"""`workflow.log`: a line in the server's log."""

from __future__ import annotations

from typing import Any, Literal

from opcode_core import ActionContext, Effect, Output, Params, action
from pydantic import Field


class LogParams(Params):
    """What `workflow.log` takes."""

    message: str = Field(description="The message.")
    level: Literal["debug", "info", "warn", "error"] = Field(
        default="info", description="How important it is."
    )
    data: Any = Field(default=None, description="Any JSON to go with it.")


class LogOutput(Output):
    """What `workflow.log` gives."""

    logged: Literal[True] = True


@action("workflow.log", effect=Effect.PURE)
def log(params: LogParams, context: ActionContext) -> LogOutput:
    """Write a JSON line to the server's log on standard error.

    The line has the ids of the workflow, the step and the agent. Lines below the server's log
    level are not written.
    """
    context.log.log(params.level, params.message, params.data)
    return LogOutput()
