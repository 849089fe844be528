"""What the engine lends an action while it runs (`ActionContext`)."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from opcode_core.engine.children import run_child
from opcode_core.engine.frames import Frame
from opcode_core.engine.world import World
from opcode_core.lent import Provenance
from opcode_core.logs import StepLogger
from opcode_core.model import events
from opcode_core.references.provenance import Origins, TreeProvenance
from opcode_core.references.tree import Node

T = TypeVar("T")


class RunningAction:
    """What the engine lends an action for one attempt.

    Args:
        world: The workflow and what is around it.
        frame: The step's list: what it sees.
        step_id: The step's full id.
        attempt: 1 for the first try.
        retried: Whether the step is tried again when it fails.
        tree: The parameters as compiled.
    """

    __slots__ = ("_frame", "_run", "_tree", "_world", "attempt", "retried", "step_id")

    def __init__(
        self,
        world: World,
        frame: Frame,
        step_id: str,
        attempt: int,
        retried: bool,  # noqa: FBT001 - a fact
        tree: Node,
    ) -> None:
        self._world = world
        self._run = world.run
        self._frame = frame
        self._tree = tree
        self.step_id = step_id
        self.attempt = attempt
        self.retried = retried

    @property
    def workflow_id(self) -> str:
        """The workflow."""
        return self._run.state.workflow_id

    @property
    def agent_id(self) -> str:
        """Who started it."""
        return self._run.state.agent_id

    @property
    def idempotency_key(self) -> str:
        """The same over all attempts of this step, different for any other step or workflow."""
        return hashlib.sha256(f"{self.workflow_id}/{self.step_id}".encode()).hexdigest()[:32]

    @property
    def working_directory(self) -> str:
        """The folder of the process whose client started the run."""
        return self._run.state.working_directory

    @property
    def provenance(self) -> Provenance:
        """Where the values of the parameters came from."""
        origins = Origins(self._run.state.input_sources, self._frame.sources)
        return TreeProvenance(self._tree, self._frame.variables, origins)

    @property
    def log(self) -> StepLogger:
        """The log, with the step's ids."""
        return StepLogger(self.workflow_id, self.step_id, self.agent_id)

    def emit(self, event_type: str, payload: Any = None) -> None:
        """Put an event of the workflow's own into its log."""
        self._run.record(event_type, self.step_id, payload)

    def variables(self) -> Mapping[str, Any]:
        """What this step sees."""
        return self._frame.variables

    def setting(self, name: str) -> Any:
        """A setting by its dotted name; None if it is not set."""
        return self._world.runtime.setting(name)

    def protected_files(self) -> frozenset[tuple[int, int]]:
        """Device and inode numbers of the server's own files."""
        return self._world.runtime.protected_files()

    def protected_names(self) -> frozenset[tuple[tuple[int, int], str]]:
        """Names of the server's own files, there or not, each with the device and inode number of its folder."""
        return self._world.runtime.protected_names()

    async def shared(
        self, key: str, make: Callable[[], T], close: Callable[[T], Awaitable[None]]
    ) -> T:
        """An object made once for the process and closed with it."""
        return await self._world.runtime.shared(key, make, close)

    async def run_workflow(
        self, template_name: str, version: str | None, params: Mapping[str, Any]
    ) -> Any:
        """Run a child workflow, or go on waiting for the one this step has started; give its output."""
        sources = {name: sorted(self.provenance.sources("params", name)) for name in params}
        return await run_child(
            self._world, self.step_id, template_name, version, dict(params), sources
        )

    async def read_context(self, workflow_id: str | None = None) -> dict[str, Any]:
        """The context of this workflow, or of a child of it."""
        if workflow_id is None or workflow_id == self.workflow_id:
            return dict(self._run.state.context)
        return await self._world.runtime.children.read_context(workflow_id, self.workflow_id)

    async def update_context(
        self, values: Mapping[str, Any], workflow_id: str | None = None
    ) -> None:
        """Add to the context of this workflow, or of a child of it."""
        if workflow_id is None or workflow_id == self.workflow_id:
            self._run.record(events.VARIABLE_SET, self.step_id, {"context": dict(values)})
            return
        await self._world.runtime.children.update_context(
            workflow_id, self.workflow_id, self.step_id, dict(values)
        )
