"""What the engine lends a step and an action while they run."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from opcode_core.actions import Effect, Provenance
from opcode_core.binding import BoundAction
from opcode_core.engine.runtime import Runtime
from opcode_core.engine.workflow import WorkflowRun
from opcode_core.errors import ExecutionError
from opcode_core.expressions import Expression
from opcode_core.logs import StepLogger
from opcode_core.references.tree import Node, TreeProvenance

T = TypeVar("T")


class RunningAction:
    """What the engine lends an action for one attempt (`ActionContext`).

    Args:
        run: The workflow.
        runtime: Its world.
        step_id: The step's full id.
        attempt: 1 for the first try.
        tree: The parameters as compiled.
    """

    __slots__ = ("_run", "_runtime", "_tree", "attempt", "step_id")

    def __init__(
        self, run: WorkflowRun, runtime: Runtime, step_id: str, attempt: int, tree: Node
    ) -> None:
        self._run = run
        self._runtime = runtime
        self._tree = tree
        self.step_id = step_id
        self.attempt = attempt

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
        return TreeProvenance(self._tree, self._run.variables)

    @property
    def log(self) -> StepLogger:
        """The log, with the step's ids."""
        return StepLogger(self.workflow_id, self.step_id, self.agent_id)

    def emit(self, event_type: str, payload: Any = None) -> None:
        """Put an event of the workflow's own into its log."""
        self._run.record(event_type, self.step_id, payload)

    def variables(self) -> Mapping[str, Any]:
        """What this step sees."""
        return self._run.variables

    def setting(self, name: str) -> Any:
        """A setting by its dotted name; None if it is not set."""
        return self._runtime.setting(name)

    def protected_files(self) -> frozenset[tuple[int, int]]:
        """Device and inode numbers of the server's own files."""
        return self._runtime.protected_files()

    async def shared(
        self, key: str, make: Callable[[], T], close: Callable[[T], Awaitable[None]]
    ) -> T:
        """An object made once for the process and closed with it."""
        return await self._runtime.shared(key, make, close)


class RunningStep:
    """What a step may do while it runs (`StepContext`); one for each attempt.

    Args:
        run: The workflow.
        runtime: Its world.
        step_id: The step's full id.
        attempt: 1 for the first try.
    """

    __slots__ = ("_run", "_runtime", "attempt", "step_id")

    def __init__(self, run: WorkflowRun, runtime: Runtime, step_id: str, attempt: int) -> None:
        self._run = run
        self._runtime = runtime
        self.step_id = step_id
        self.attempt = attempt

    def resolve(self, template: Node) -> Any:
        """The value of a template as this step sees it."""
        return template.resolve(self._run.variables)

    async def evaluate(self, expression: Expression) -> Any:
        """The value of an expression as this step sees it."""
        if expression.quick:
            return expression.evaluate(self._run.variables)
        return await self._runtime.in_thread(
            functools.partial(expression.evaluate, self._run.variables)
        )

    def run_action_now(self, bound: BoundAction) -> Any:
        """Run an action that is pure and called in place."""
        action = bound.action
        params = bound.arguments(self._run.variables)
        if action.takes_context:
            return action.run(*_given(bound, params), self._context(bound))
        return action.run(*_given(bound, params))

    async def run_action(self, bound: BoundAction) -> Any:
        """Run any action, after what led to it is stored unless it is pure."""
        variables = self._run.variables
        if bound.quick:
            params = bound.arguments(variables)
        else:
            params = await self._runtime.in_thread(functools.partial(bound.arguments, variables))
        if bound.action.effect_of(params) is not Effect.PURE:
            await self._runtime.stored()
        context = self._context(bound) if bound.action.takes_context else None
        try:
            return await self._runtime.call(bound.action, params, context)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ExecutionError("the action cancelled itself") from None

    def _context(self, bound: BoundAction) -> RunningAction:
        return RunningAction(self._run, self._runtime, self.step_id, self.attempt, bound.tree)


def _given(bound: BoundAction, params: Any) -> tuple[Any, ...]:
    return (params,) if bound.action.takes_params else ()
