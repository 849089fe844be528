"""The engine: owns every workflow that runs in this process, whoever started it.

A workflow belongs to the engine. A call that started one may be cancelled, time out or lose its client: that stops
nothing, only `cancel` and `close` do.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opcode_core.clock import Clock, Identities
from opcode_core.engine.embedded import EmbeddedRuntime, ProcessResources, WatchedRuntime
from opcode_core.engine.interpreter import Interpreter
from opcode_core.engine.runtime import StoreUnavailableError
from opcode_core.engine.workflow import WorkflowRun
from opcode_core.errors import ConflictError, StoreError
from opcode_core.logs import logger
from opcode_core.model import events
from opcode_core.model.definition import Plan
from opcode_core.model.events import Event
from opcode_core.model.state import FINISHED, WorkflowState
from opcode_core.settings import Settings
from opcode_core.store.protocol import Store

CLOSE_SECONDS = 10.0
"""How long running steps may go on when the engine closes."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What a new workflow begins with.

    Attributes:
        plan: What it does.
        template_name: Of which template.
        template_version: And which version of it.
        agent_id: Who starts it.
        inputs: Its inputs, complete and checked.
        working_directory: Where relative paths begin.
        idempotency_key: The agent's own name for this run; None for none.
    """

    plan: Plan
    template_name: str
    template_version: str
    agent_id: str
    inputs: dict[str, Any]
    working_directory: str
    idempotency_key: str | None = None


class RunningWorkflow:
    """A workflow that this engine runs.

    Attributes:
        run: The workflow.
        cancelled: What a `cancel` signal said; None while there was none.
        lost: Why it stopped without having ended; None if it did not.
    """

    def __init__(self, run: WorkflowRun) -> None:
        self.run = run
        self.cancelled: dict[str, Any] | None = None
        self.lost: StoreError | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def state(self) -> WorkflowState:
        """Where it stands."""
        return self.run.state


class Engine:
    """Runs workflows.

    Args:
        store: Where events go.
        settings: The settings.
        clock: What time it is.
    """

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._resources = ProcessResources(store, settings, clock)
        self._identities = Identities(clock)
        self._running: dict[str, RunningWorkflow] = {}

    @property
    def running(self) -> list[str]:
        """The ids of the workflows that run."""
        return list(self._running)

    def find(self, workflow_id: str) -> RunningWorkflow | None:
        """A workflow that runs here; None when it does not."""
        return self._running.get(workflow_id)

    def new_id(self) -> str:
        """An id for a workflow that is about to begin."""
        return self._identities.new_id()

    def start(
        self, workflow_id: str, request: StartRequest, watch: Callable[[Event], None] | None = None
    ) -> RunningWorkflow:
        """Begin a workflow; it runs on its own from here.

        Args:
            workflow_id: Its id, from `new_id`.
            request: What it begins with.
            watch: Called with each event as it happens; None for nobody.

        Raises:
            ConflictError: The engine is closing.
        """
        if self._resources.closing.is_set():
            raise ConflictError("the server is shutting down and starts nothing any more")
        kind = EmbeddedRuntime if watch is None else functools.partial(WatchedRuntime, watch=watch)
        runtime = kind(workflow_id, self._resources)
        run = WorkflowRun(request.plan, WorkflowState(workflow_id), runtime)
        payload = {
            "template_name": request.template_name,
            "template_version": request.template_version,
            "inputs": request.inputs,
            "context": dict(request.plan.context),
            "working_directory": request.working_directory,
        }
        if request.idempotency_key is not None:
            payload["idempotency_key"] = request.idempotency_key
        run.record(events.WORKFLOW_STARTED, None, payload, request.agent_id)
        workflow = RunningWorkflow(run)
        self._running[workflow_id] = workflow
        workflow.task = asyncio.get_running_loop().create_task(
            self._drive(workflow, Interpreter(run, runtime), runtime.stored),
            name=f"opcode workflow {workflow_id}",
            context=contextvars.Context(),  # nothing of the request that started it lives on in it
        )
        return workflow

    async def wait(self, workflow: RunningWorkflow, seconds: float) -> bool:
        """Wait until a workflow has ended, for so long; say whether it has. Whoever waits may be cancelled freely."""
        task = workflow.task
        if task is None or task.done():
            return True
        if seconds <= 0:
            return False
        await asyncio.wait((task,), timeout=seconds)
        return task.done()

    async def cancel(self, workflow: RunningWorkflow, signal: dict[str, Any]) -> None:
        """Cancel a workflow: its running actions are stopped, its other steps skipped; returns when that is stored.

        Raises:
            ConflictError: It has ended, or is being cancelled already.
            StoreError: It could not be stored.
        """
        if (
            workflow.state.status in FINISHED
            or workflow.cancelled is not None
            or workflow.task is None
        ):
            raise ConflictError(
                f"workflow {workflow.state.workflow_id} has ended or is ending already"
            )
        workflow.cancelled = signal
        workflow.task.cancel()
        await asyncio.wait((workflow.task,))
        if workflow.lost is not None:
            raise workflow.lost

    async def cancel_stopped(
        self, plan: Plan, state: WorkflowState, signal: dict[str, Any]
    ) -> None:
        """Cancel a workflow that nobody runs.

        Raises:
            StoreError: It could not be stored.
        """
        runtime = EmbeddedRuntime(state.workflow_id, self._resources)
        run = WorkflowRun(plan, state, runtime)
        run.record(events.SIGNAL_RECEIVED, None, signal, signal.get("agent_id"))
        Interpreter(run, runtime).cancel()
        try:
            await self._store.journal.stored(state.workflow_id)
        finally:
            self._store.journal.forget(state.workflow_id)

    async def close(self, grace: float = CLOSE_SECONDS) -> None:
        """Begin nothing new, let running steps finish for so many seconds, stop the rest."""
        self._resources.closing.set()
        tasks = [workflow.task for workflow in self._running.values() if workflow.task is not None]
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=grace)
            for task in pending:
                task.cancel()
            if pending:
                logger.warning("workflows were stopped", extra={"data": {"count": len(pending)}})
                await asyncio.wait(pending, timeout=grace)
        await self._resources.close()

    async def _drive(
        self, workflow: RunningWorkflow, interpreter: Interpreter, stored: Callable[[], Any]
    ) -> None:
        """Run a workflow until it has ended and that is stored."""
        try:
            try:
                await interpreter.advance()
            except asyncio.CancelledError:
                if workflow.cancelled is None:
                    raise
                workflow.run.record(
                    events.SIGNAL_RECEIVED,
                    None,
                    workflow.cancelled,
                    workflow.cancelled.get("agent_id"),
                )
                interpreter.cancel()
            await stored()
        except StoreUnavailableError as error:
            cause = error.__cause__
            workflow.lost = cause if isinstance(cause, StoreError) else StoreError(str(error))
            logger.error(
                "a workflow stopped because the store failed",
                extra={"data": {"workflow_id": workflow.state.workflow_id, "error": str(error)}},
            )
        except asyncio.CancelledError:
            logger.info(
                "a workflow was stopped",
                extra={"data": {"workflow_id": workflow.state.workflow_id}},
            )
            raise
        except Exception:  # noqa: BLE001 - our own fault must end this workflow only
            logger.exception(
                "the engine failed", extra={"data": {"workflow_id": workflow.state.workflow_id}}
            )
            workflow.lost = StoreError(
                "the engine failed on this workflow: see the server's log", {"reason": "engine"}
            )
        finally:
            self._running.pop(workflow.state.workflow_id, None)
            self._store.journal.forget(workflow.state.workflow_id)
