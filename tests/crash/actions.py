"""The actions of the crash runs: each leaves a trace outside the database, one for each time it was really done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from opcode_core import ActionContext, Effect, ExecutionError, Params, action
from opcode_core.actions import Action


class Named(Params):
    """What an action does, by name."""

    name: str
    value: Any = None


def traced_actions(trace: Path) -> list[Action]:
    """The actions, with the file in which they leave a line each time they are done."""

    def leave(kind: str, context: ActionContext) -> None:
        file = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, f"{kind} {context.workflow_id} {context.step_id}\n".encode())
        finally:
            os.close(file)

    @action("c.think", effect=Effect.PURE)
    def think(params: Named) -> Any:
        """Compute in place."""
        return {"of": params.name, "value": params.value}

    @action("c.compute", effect=Effect.PURE, blocking=True)
    def compute(params: Named, context: ActionContext) -> Any:
        """Compute in a thread."""
        leave("pure", context)
        return {"of": params.name, "value": params.value}

    @action("c.put", effect=Effect.IDEMPOTENT)
    async def put(params: Named, context: ActionContext) -> Any:
        """Do what may be done twice."""
        leave("idempotent", context)
        return {"put": params.name}

    @action("c.send", effect=Effect.UNSAFE)
    async def send(params: Named, context: ActionContext) -> Any:
        """Do what may be done once."""
        leave("unsafe", context)
        return {"sent": params.name}

    @action("c.flaky", effect=Effect.IDEMPOTENT)
    async def flaky(params: Named, context: ActionContext) -> Any:
        """Fail the first time."""
        leave("idempotent", context)
        if context.attempt == 1:
            raise ExecutionError("the first time it fails")
        return {"done": params.name}

    return [think, compute, put, send, flaky]


class Trace(NamedTuple):
    """That an action was done."""

    effect: str
    workflow_id: str
    step_id: str


def traces(trace: Path) -> list[Trace]:
    """What was done, in its order."""
    if not trace.exists():
        return []
    return [Trace(*line.split(" ")) for line in trace.read_text(encoding="utf-8").splitlines()]
