"""Workflows that workflows start (`Children`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opcode_core.engine.planner import Planner, StartRequest
from opcode_core.engine.runtime import ChildRequest
from opcode_core.engine.signal import Signal
from opcode_core.errors import ConflictError, NotFoundError, PermissionDeniedError, StoreError
from opcode_core.logs import logger
from opcode_core.model.state import WorkflowState

if TYPE_CHECKING:
    from opcode_core.engine.engine import Engine


class Family:
    """Starts children and looks after them.

    Args:
        engine: Runs them.
        planner: Knows their templates.
    """

    def __init__(self, engine: Engine, planner: Planner) -> None:
        self._engine = engine
        self._planner = planner

    def new_id(self) -> str:
        """An id for a workflow."""
        return self._engine.new_id()

    async def prepare(self, request: ChildRequest) -> StartRequest:
        """What a child begins with, checked."""
        return await self._planner.prepare_child(request)

    def start(self, request: ChildRequest, prepared: StartRequest) -> None:
        """Begin a child."""
        self._engine.start(request.workflow_id, prepared)

    async def state_of(self, workflow_id: str) -> WorkflowState | None:
        """Where a child stands."""
        try:
            return await self._engine.load(workflow_id)
        except NotFoundError:
            return None

    def leave(self, state: WorkflowState) -> None:
        """A workflow has ended: what its steps started and did not wait for ends too."""
        if state.status == "failed":
            return  # it may go on, and then waits for them again
        for step_id, child_id in state.children.items():
            if state.steps[step_id].status != "completed":
                self.cancel(child_id)

    def cancel(self, workflow_id: str) -> None:
        """Let a child be cancelled, soon."""
        self._engine.later(self._cancelled(workflow_id))

    async def _cancelled(self, workflow_id: str) -> None:
        try:
            await self._engine.signal(Signal(workflow_id, "cancel", {}))
        except (ConflictError, NotFoundError):
            return  # it has ended by itself
        except StoreError as error:
            logger.warning("a child is cancelled later", extra={"data": {"error": error.message}})

    async def read_context(self, workflow_id: str, parent_id: str) -> dict[str, Any]:
        """The context of a child."""
        return dict((await self._child(workflow_id, parent_id)).context)

    async def update_context(
        self, workflow_id: str, parent_id: str, step_id: str, values: dict[str, Any]
    ) -> None:
        """Add to the context of a child."""
        await self._child(workflow_id, parent_id)
        payload = {"values": values, "by": {"workflow_id": parent_id, "step_id": step_id}}
        await self._engine.signal(Signal(workflow_id, "context", payload))

    async def _child(self, workflow_id: str, parent_id: str) -> WorkflowState:
        state = await self.state_of(workflow_id)
        if state is None or state.parent is None or state.parent[0] != parent_id:
            raise PermissionDeniedError(
                f"workflow {workflow_id} is no child of this one: only its own context can be read and changed"
            )
        return state
