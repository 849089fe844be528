"""`workflow.context`: what a workflow knows beside its inputs and outputs."""

from __future__ import annotations

from typing import Any, Literal

from opcode_core import ActionContext, Effect, Params, ValidationError, action
from pydantic import Field


class ContextParams(Params):
    """What `workflow.context` takes."""

    action: Literal["read", "update"] = Field(description="Read the context, or add to it.")
    data: dict[str, Any] | None = Field(
        default=None, description="What `update` adds: each key replaces the one of its name."
    )
    agent_notes: str | None = Field(
        default=None, description="A note that `update` keeps under the key `agent_notes`."
    )
    workflow_id: str | None = Field(
        default=None, description="This workflow, by default, or a child of it."
    )


def _effect(params: ContextParams) -> Effect:
    return Effect.PURE if params.action == "read" else Effect.IDEMPOTENT


@action("workflow.context", effect=_effect)
async def context(params: ContextParams, context: ActionContext) -> Any:
    """Read the workflow's context, or add to it.

    `read` gives the context; `update` merges `data` into it, key by key, and gives
    `{"updated": true}`. Later steps see the change as `${{context.key}}`.
    """
    if params.action == "read":
        if params.data is not None or params.agent_notes is not None:
            raise ValidationError("`read` changes nothing: leave `data` and `agent_notes` out")
        return await context.read_context(params.workflow_id)
    values = dict(params.data or {})
    if params.agent_notes is not None:
        values["agent_notes"] = params.agent_notes
    await context.update_context(values, params.workflow_id)
    return {"updated": True}
