"""A workflow that is in memory: driven while something of it can run, and let go when it has ended or waits."""

from __future__ import annotations

import asyncio
from typing import Any

from opcode_core.engine.embedded import EmbeddedRuntime
from opcode_core.engine.interpreter import Interpreter
from opcode_core.engine.runtime import StoreUnavailableError
from opcode_core.engine.waiting import Parked, Waits
from opcode_core.engine.workflow import WorkflowRun
from opcode_core.errors import StoreError
from opcode_core.logs import logger
from opcode_core.model import events
from opcode_core.model.definition import Plan
from opcode_core.model.state import FINISHED, STOPPED, WorkflowState

KEPT_SECONDS = 5.0
"""A workflow that only waits for a pause no longer than this stays in memory."""

MOMENT_SECONDS = 0.01
"""A workflow is not let go when it goes on in a moment."""


class LiveWorkflow:
    """A workflow in memory.

    Attributes:
        run: The workflow.
        cancelled: What a `cancel` signal said; None while there was none.
        lost: Why it stopped without having ended; None if it did not.
        wakes_at: When a let-go workflow is to be looked at again, in seconds since 1970; None for never.
        task: What drives it; None while nothing does.

    Args:
        plan: What it does.
        state: Where it stands.
        runtime: Its world.
    """

    def __init__(self, plan: Plan, state: WorkflowState, runtime: EmbeddedRuntime) -> None:
        self.runtime = runtime
        self.run = WorkflowRun(plan, state, runtime)
        self.cancelled: dict[str, Any] | None = None
        self.lost: StoreError | None = None
        self.wakes_at: float | None = None
        self.task: asyncio.Task[None] | None = None
        self._waits: Waits | None = None
        self._interpreter: Interpreter | None = None
        self._again = False
        self._out_of_time = False
        self._deadline = 0.0

    @property
    def state(self) -> WorkflowState:
        """Where it stands."""
        return self.run.state

    @property
    def stopped(self) -> bool:
        """Whether it has ended or is suspended, and that is stored."""
        return self.state.status in STOPPED and (self.task is None or self.task.done())

    def wake(self, step_id: str) -> None:
        """Let a step that waits look at its state."""
        if self._waits is not None:
            self._waits.wake(step_id)
        self._again = True

    def withdraw(self, step_id: str) -> None:
        """Let a step that waits notice that a signal has changed it."""
        if self._waits is not None:
            self._waits.withdraw(step_id)
        self._again = True

    def go_on(self) -> None:
        """Look at it once more, even if it is being let go just now."""
        self._again = True

    def close(self) -> None:
        """The process is about to end: who waits is let go, what runs may finish."""
        if self._waits is not None:
            self._waits.unwind()

    def cancel(self, signal: dict[str, Any]) -> None:
        """Let it be cancelled."""
        self.cancelled = signal
        self._again = True
        if self.task is not None and self._waits is not None and not self._out_of_time:
            self.task.cancel()

    async def take_back(self, error: StoreError) -> None:
        """Let it end where the log has it: nothing of what has happened since could be stored."""
        self.lost = error
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait((self.task,))

    async def drive(self) -> None:
        """Go on until it has ended or only waits, and that is stored.

        Raises:
            asyncio.CancelledError: The process ends, and what runs is not waited for any longer.
        """
        try:
            while True:
                self._again = False
                await self._advance()
                await self.runtime.stored()
                if not self._again or self._rests():
                    return
        except StoreUnavailableError as error:
            cause = error.__cause__
            self.lost = cause if isinstance(cause, StoreError) else StoreError(str(error))
            logger.error("a workflow stopped because the store failed", extra=self._told(error))
        except Exception as error:  # noqa: BLE001 - our own fault must end this workflow only
            logger.exception("the engine failed", extra=self._told(error))
            self.lost = StoreError(
                "the engine failed on this workflow: see the server's log", {"reason": "engine"}
            )

    def _rests(self) -> bool:
        """Whether nothing is to be done about it now."""
        status = self.state.status
        if status in FINISHED or (status == "suspended" and self.cancelled is None):
            return True
        return self.runtime.closing and self.cancelled is None

    async def _advance(self) -> None:
        waits = self._waits = Waits(self.runtime, self._quiet)
        interpreter = self._interpreter = Interpreter(self.run, self.runtime, waits)
        alarm = self._time_limit()
        self.wakes_at = None
        try:
            if self.cancelled is not None:
                self._record_cancel(interpreter)
            else:
                await interpreter.advance()
        except Parked:
            pass  # what it waits for is in its state
        except asyncio.CancelledError:
            if self.cancelled is None and not self._out_of_time:
                raise
            _uncancel()
            if self.cancelled is not None:
                self._record_cancel(interpreter)
            else:
                self._out_of_time = False
                interpreter.time_is_up()
                self._again = self.state.status == "active"
        finally:
            self._waits = self._interpreter = None
            interpreter.close()
            if alarm is not None:
                alarm.cancel()

    def _record_cancel(self, interpreter: Interpreter) -> None:
        signal = self.cancelled or {}
        self.run.record(events.SIGNAL_RECEIVED, None, signal, signal.get("agent_id"))
        interpreter.cancel()

    def _time_limit(self) -> Any:
        """The alarm that ends the workflow when its time is up; None without a limit, or when it is up already."""
        limit, state = self.run.plan.timeout, self.state
        if limit is None or state.timed_out:
            return None
        self._deadline = (state.allowance_from + state.suspended_micros) / 1e6 + limit
        return self.runtime.alarm(self._deadline, self._end_of_time)

    def _end_of_time(self) -> None:
        if self.state.status in STOPPED or self.task is None or self.cancelled is not None:
            return
        self._out_of_time = True
        self.task.cancel()

    def _quiet(self) -> None:
        """Everything waits: suspend it if only others can bring it on, let it go if that takes long."""
        waits = self._waits
        if (
            waits is None
            or self._interpreter is None
            or self.cancelled is not None
            or self._out_of_time
        ):
            return
        points, due = waits.points, waits.next_due
        if due is not None and due - self.runtime.now() < MOMENT_SECONDS:
            return
        if all(point.kind == "outside" for point in points):
            self.wakes_at = due
            self._interpreter.suspend()
            waits.unwind()
            return
        if any(point.kind == "child" for point in points) or due is None:
            return
        if due - self.runtime.now() > KEPT_SECONDS:
            if self.run.plan.timeout is not None and not self.state.timed_out:
                due = min(due, self._deadline)
            self.wakes_at = due
            waits.unwind()

    def _told(self, error: BaseException) -> dict[str, Any]:
        return {"data": {"workflow_id": self.state.workflow_id, "error": str(error)}}


def _uncancel() -> None:
    """A cancellation was meant for what the task awaited, not for the task."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
