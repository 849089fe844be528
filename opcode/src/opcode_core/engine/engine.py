"""The engine: owns every workflow, those that run in this process and those that wait in the store.

A workflow belongs to the engine. A call that started one may be cancelled, time out or lose its client: that stops
nothing, only `cancel` and `close` do. Each is in memory only while something of it can run.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

from opcode_core import crashpoints
from opcode_core.clock import Identities
from opcode_core.engine.alarms import Alarms
from opcode_core.engine.callers import Callers, Watch
from opcode_core.engine.embedded import EmbeddedRuntime, ProcessResources, WatchedRuntime
from opcode_core.engine.family import Family
from opcode_core.engine.live import LiveWorkflow
from opcode_core.engine.locks import NamedLocks
from opcode_core.engine.planner import Planner, StartRequest
from opcode_core.engine.recovery import in_turn, leftovers
from opcode_core.engine.signal import Signal
from opcode_core.engine.signals import accept
from opcode_core.engine.taking_back import ended, stored_or_taken_back
from opcode_core.errors import ConflictError, NotFoundError, OpcodeError
from opcode_core.logs import logger
from opcode_core.model import events
from opcode_core.model.state import FINISHED, STOPPED, WorkflowState
from opcode_core.moments import Clock
from opcode_core.settings import Settings
from opcode_core.store.protocol import Store

CLOSE_SECONDS = 10.0
"""How long running steps may go on when the engine closes."""


class Engine:
    """Runs workflows.

    Args:
        store: Where events go.
        settings: The settings.
        clock: What time it is.
        planner: Where plans come from.
    """

    def __init__(self, store: Store, settings: Settings, clock: Clock, planner: Planner) -> None:
        self._store = store
        self._planner = planner
        self._resources = ProcessResources(store, settings, clock)
        self._identities = Identities(clock)
        self._live: dict[str, LiveWorkflow] = {}
        self.locks = NamedLocks()
        self._callers = Callers()
        self._resting: set[str] = set()
        self._alarms = Alarms(clock, lambda workflow_id: self.later(self._resumed(workflow_id)))
        self._tasks: set[asyncio.Task[Any]] = set()
        self._family = Family(self, planner)
        self.on_end: Callable[[str], None] = lambda _: None
        """Called with each workflow that has ended."""

    @property
    def running(self) -> list[str]:
        """The ids of the workflows that are in memory."""
        return list(self._live)

    @property
    def closing(self) -> bool:
        """Whether it starts nothing any more."""
        return self._resources.closing.is_set()

    def find(self, workflow_id: str) -> LiveWorkflow | None:
        """A workflow that is in memory; None when it is not."""
        return self._live.get(workflow_id)

    def new_id(self) -> str:
        """An id for a workflow that is about to begin."""
        return self._identities.new_id()

    def start(
        self, workflow_id: str, request: StartRequest, watch: Watch | None = None
    ) -> LiveWorkflow:
        """Begin a workflow; it runs on its own from here.

        Args:
            workflow_id: Its id, from `new_id`.
            request: What it begins with.
            watch: Called with each event as it happens, and with None when the workflow has ended or is suspended.

        Raises:
            ConflictError: The engine is closing.
        """
        if self.closing:
            raise ConflictError("the server is shutting down and starts nothing any more")
        if watch is not None:
            self._callers.watch(workflow_id, watch)
        live = LiveWorkflow(request.plan, WorkflowState(workflow_id), self._runtime(workflow_id))
        live.run.record(events.WORKFLOW_STARTED, None, request.payload(), request.agent_id)
        self._drive(live)
        return live

    async def wait(self, workflow_id: str, seconds: float) -> None:
        """Wait until a workflow has ended or is suspended, for so long; whoever waits may be cancelled freely."""
        live = self._live.get(workflow_id)
        runs = workflow_id in self._resting if live is None else not live.stopped
        if runs and seconds > 0:
            await self._callers.wait(workflow_id, seconds)

    async def signal(self, signal: Signal) -> tuple[WorkflowState, bool]:
        """Let a workflow have a signal, and go on if that is what it waited for.

        Returns:
            The workflow, with the signal stored; whether it goes on because of it.

        Raises:
            NotFoundError: There is no such workflow, or step.
            ConflictError: The signal cannot apply any more.
            ValidationError: It makes no sense.
            StoreError: It could not be stored.
        """
        async with self.locks.hold(signal.workflow_id):
            live = await self._awake(signal.workflow_id)
            if signal.kind == "cancel":
                await self._cancel(live, signal)
                return live.state, False
            in_memory = self._live.get(signal.workflow_id) is live
            crashpoints.point("signal taken")
            effect = accept(live.run, signal)
            for step_id in effect.withdrawn:
                live.withdraw(step_id)
            for step_id in effect.woken:
                live.wake(step_id)
            for child_id in effect.abandoned:
                self._family.cancel(child_id)
            if effect.goes_on and in_memory:
                live.go_on()
            elif effect.goes_on:
                self._drive(live)
            await stored_or_taken_back(self._store, live, self._alarms, in_memory=in_memory)
            return live.state, effect.goes_on

    async def resume(self, workflow_id: str) -> None:
        """Go on with a workflow that is not in memory.

        Raises:
            OpcodeError: Its template cannot be used any more.
        """
        async with self.locks.hold(workflow_id):
            if workflow_id in self._live or self.closing:
                return
            live = await self._awake(workflow_id)
            if live.state.status in FINISHED:
                return
            if live.state.status == "suspended":
                if live.state.timed_out:
                    return
                live.run.record(events.WORKFLOW_RESUMED)
            crashpoints.point("workflow resumed")
            self._drive(live)

    async def recover(self) -> None:
        """Take up what did not end before: what ran goes on, what waits is woken when it is time."""
        crashpoints.point("recovery begins")
        found = await leftovers(self._store)
        for workflow_id, when in found.sleeping:
            self._alarms.set(workflow_id, when)
        for workflow_id in found.orphans:
            self._family.cancel(workflow_id)
        self._resting.update(found.going_on)
        self.later(in_turn(found.going_on, self._resumed))

    def child_changed(self, state: WorkflowState) -> None:
        """A child has ended, or is suspended: whoever started it may have waited for that."""
        if state.parent is None:
            return
        parent_id, step_id = state.parent
        parent = self._live.get(parent_id)
        if parent is not None:
            if state.status in FINISHED and parent.state.status == "suspended":
                parent.run.record(events.WORKFLOW_RESUMED)  # it is being let go just now
            parent.wake(step_id)
        elif state.status in FINISHED and not self.closing:
            self.later(self._resumed(parent_id))

    async def load(self, workflow_id: str) -> WorkflowState:
        """Where a workflow stands.

        Raises:
            NotFoundError: There is none.
        """
        live = self._live.get(workflow_id)
        state = live.state if live is not None else await self._store.state_of(workflow_id)
        if state is None:
            raise NotFoundError(
                f"there is no workflow `{workflow_id}`: `query` with resource `workflows` lists them"
            )
        return state

    async def close(self, grace: float = CLOSE_SECONDS) -> None:
        """Begin nothing new, let running steps finish for so many seconds, stop the rest."""
        crashpoints.point("closing begins")
        self._resources.closing.set()
        self._alarms.close()
        for live in self._live.values():
            live.close()
        tasks = {live.task for live in self._live.values() if live.task is not None}
        tasks |= self._tasks
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=grace)
            for task in pending:
                task.cancel()
            if pending:
                logger.warning("workflows were stopped", extra={"data": {"count": len(pending)}})
                await asyncio.wait(pending, timeout=grace)
        await self._resources.close()

    async def _awake(self, workflow_id: str) -> LiveWorkflow:
        """A workflow in memory, or brought there, not yet driven."""
        live = self._live.get(workflow_id)
        if live is not None:
            return live
        state = await self.load(workflow_id)
        plan = await self._planner.plan_of(state.template_name, state.template_version)
        return LiveWorkflow(plan, state, self._runtime(workflow_id))

    def _runtime(self, workflow_id: str) -> EmbeddedRuntime:
        watch = self._callers.watcher(workflow_id)
        given = (workflow_id, self._resources, self._family, workflow_id in self._resting)
        return EmbeddedRuntime(*given) if watch is None else WatchedRuntime(*given, watch)

    async def _cancel(self, live: LiveWorkflow, signal: Signal) -> None:
        """Cancel a workflow and its children; returns when that is stored."""
        state = live.state
        if state.status in FINISHED or live.cancelled is not None:
            raise ConflictError(f"workflow {state.workflow_id} has ended or is ending already")
        live.cancel(signal.payload_of_event())
        if live.task is None:
            self._drive(live)
        try:
            await ended(self._store, live)
        finally:
            for child_id in list(state.children.values()) if live.lost is None else ():
                self._family.cancel(child_id)

    def _drive(self, live: LiveWorkflow) -> None:
        workflow_id = live.state.workflow_id
        self._live[workflow_id] = live
        self._alarms.clear(workflow_id)
        self._resting.discard(workflow_id)
        live.task = asyncio.get_running_loop().create_task(
            self._driven(live),
            name=f"opcode workflow {workflow_id}",
            context=contextvars.Context(),  # nothing of the request that started it lives on in it
        )

    async def _driven(self, live: LiveWorkflow) -> None:
        workflow_id = live.state.workflow_id
        try:
            await live.drive()
        except asyncio.CancelledError:
            logger.info("a workflow was stopped", extra={"data": {"workflow_id": workflow_id}})
            raise
        finally:
            self._let_go(live)

    def _let_go(self, live: LiveWorkflow) -> None:
        """Nothing of it can run any more: tell whoever waited, and keep only when to look at it again."""
        workflow_id = live.state.workflow_id
        crashpoints.point("workflow let go")
        self._live.pop(workflow_id, None)
        self._store.journal.forget(workflow_id)
        stopped = live.lost is not None or live.state.status in STOPPED
        if stopped or self.closing:
            self._callers.tell(workflow_id, ended=live.state.status != "suspended")
        if self.closing:
            return
        if live.lost is None and live.state.status not in FINISHED and live.wakes_at is not None:
            self._alarms.set(workflow_id, live.wakes_at)
            if live.state.status == "active":
                self._resting.add(workflow_id)
        if stopped:
            self.child_changed(live.state)
        if live.lost is None and live.state.status in FINISHED:
            self._family.leave(live.state)
            self.on_end(workflow_id)

    async def _resumed(self, workflow_id: str) -> None:
        try:
            await self.resume(workflow_id)
        except OpcodeError as error:
            told = {"workflow_id": workflow_id, "error": error.message}
            logger.error("a workflow cannot go on", extra={"data": told})

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something be done that nobody waits for."""
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
