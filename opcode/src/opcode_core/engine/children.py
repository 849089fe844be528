"""Child workflows: started once, waited for without holding anything, and told apart by how they end."""

from __future__ import annotations

import asyncio
from typing import Any

from opcode_core.engine.failures import StepFailedError
from opcode_core.engine.runtime import ChildRequest
from opcode_core.engine.world import World
from opcode_core.errors import CancelledByUserError, LimitExceededError
from opcode_core.model import events
from opcode_core.model.state import WorkflowState


async def run_child(
    world: World,
    step_id: str,
    template_name: str,
    version: str | None,
    params: dict[str, Any],
    sources: dict[str, list[str]],
) -> Any:
    """Run a child workflow for a step, or go on waiting for the one it has started.

    Returns:
        The child's output.

    Raises:
        NotFoundError: There is no such template.
        ValidationError: The child's inputs are not what its template says.
        LimitExceededError: Workflows run workflows too deep.
        StepFailedError: The child failed.
        CancelledByUserError: The child was cancelled.
    """
    state, children = world.run.state, world.runtime.children
    child_id = state.children.get(step_id)
    if child_id is None:
        depth = state.depth + 1
        most = world.run.limits.run_depth
        if depth >= most:
            raise LimitExceededError(
                f"workflows run workflows {most} deep already", {"limit": most}
            )
        child_id = children.new_id()
        request = ChildRequest(
            workflow_id=child_id,
            template_name=template_name,
            version=version,
            params=params,
            sources=sources,
            agent_id=state.agent_id,
            working_directory=state.working_directory,
            parent=(state.workflow_id, step_id),
            depth=depth,
        )
        prepared = await children.prepare(request)
        told = {"child": child_id, "template_name": template_name}
        world.run.record(events.VARIABLE_SET, step_id, told)
        children.start(request, prepared)
    try:
        return await _outcome(world, step_id, child_id)
    except asyncio.CancelledError:
        if not world.runtime.closing:
            children.cancel(child_id)
        raise


async def _outcome(world: World, step_id: str, child_id: str) -> Any:
    run, children = world.run, world.runtime.children
    while True:
        child = await children.state_of(child_id)
        if child is None or child.status not in ("active", "suspended", "pending"):
            return _ended(child, child_id)
        step = run.state.steps[step_id]
        suspended = child.status == "suspended"
        if suspended and step.status != "suspended":
            run.record(events.STEP_SUSPENDED, step_id, {"reason": "child"})
        await world.waits.wait(step_id, "outside" if suspended else "child")


def _ended(child: WorkflowState | None, child_id: str) -> Any:
    if child is None or child.status == "cancelled":
        raise CancelledByUserError(
            f"the child workflow {child_id} was cancelled", {"workflow_id": child_id}
        )
    if child.status == "completed":
        return child.output
    cause = child.error or {}
    error = {
        "code": cause.get("code", "EXECUTION_ERROR"),
        "message": f"`{child.template_name}` failed: {cause.get('message', 'nobody knows why')}",
        "details": {"cause": cause, "workflow_id": child_id},
    }
    raise StepFailedError(error)
