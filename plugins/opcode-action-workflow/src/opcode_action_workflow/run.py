"""`workflow.run`: a workflow inside a workflow."""

from __future__ import annotations

from typing import Any

from opcode_core import ActionContext, Effect, Params, action
from pydantic import Field


class RunParams(Params):
    """What `workflow.run` takes."""

    template_name: str = Field(description="The template.")
    version: str | None = Field(
        default=None, description="Its version, such as `v2`; the latest by default."
    )
    params: dict[str, Any] = Field(
        default_factory=dict, description="Inputs of the child, in place of its defaults."
    )


@action(
    "workflow.run",
    effect=Effect.UNSAFE,
    waits=True,
    touches={"template_name": "template"},
)
async def run(params: RunParams, context: ActionContext) -> Any:
    """Run another template as a child of this workflow, and give its output.

    The step waits without a place in the pool, is suspended while the child is, and fails when the
    child fails, with the child's error in `details.cause`. Cancelling the workflow cancels the
    child. A child is started once: after a restart the step waits for the same one.
    """
    return await context.run_workflow(params.template_name, params.version, params.params)
