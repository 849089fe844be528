"""The life of a step: guard, attempts, outcome, handler.

A step that can finish without waiting is carried through in place, without a task; everything that has to wait goes the
other way, through the same pieces.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from opcode_core.actions import Output
from opcode_core.engine.context import RunningStep
from opcode_core.engine.failures import as_error, final_error, pause_before
from opcode_core.engine.runtime import Runtime, StoreUnavailableError
from opcode_core.engine.workflow import MAX_EVENTS, WorkflowRun
from opcode_core.errors import ExecutionError, LimitExceededError, OpcodeError, WorkflowFailed
from opcode_core.jsonio import read_json, type_name, write_json
from opcode_core.model import events
from opcode_core.model.definition import PlannedStep
from opcode_core.model.state import SETTLED
from opcode_core.steps import NOT_NOW

MAX_OUTPUT_BYTES = 32 << 20
"""How large the output of a step may be, as JSON."""


_ROOM = 32
"""How many levels an output leaves for what it is wrapped in: events, the workflow's output, answers."""
_NOT_FAILURES = (asyncio.CancelledError, StoreUnavailableError)
"""What ends an attempt that waits without the step having failed."""


class SiblingsCancelled(Exception):  # noqa: N818 - a turn of events, not a fault
    """A step with the strategy `fail_workflow` failed: what runs beside it is to be cancelled."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A step that could not be carried through in place.

    Attributes:
        step: The step.
        started: Whether its first attempt has begun already.
        failure: How that attempt failed; None if it did not.
    """

    step: PlannedStep
    started: bool = False
    failure: OpcodeError | None = None


class StepLifecycle:
    """Carries the steps of one workflow through their lives.

    Args:
        run: The workflow.
        runtime: Its world.
    """

    def __init__(self, run: WorkflowRun, runtime: Runtime) -> None:
        self._run = run
        self._runtime = runtime
        self._fallbacks: dict[str, asyncio.Lock] = {}

    def in_place(self, step: PlannedStep) -> Unfinished | None:
        """Carry a step as far as goes without waiting.

        Returns:
            None when it has settled; else what is left to do, for `through`.
        """
        kind, guard = step.type, step.guard
        if self._leaves_off():
            return None
        if not kind.in_place or (guard is not None and not guard.quick):
            return Unfinished(step)
        started = False
        try:
            if guard is not None and not self._verdict(guard.evaluate(self._run.variables)):
                self._skip(step, "its condition is false")
                return None
            self._start(step)
            started = True
            output = kind.execute_now(RunningStep(self._run, self._runtime, step.full_id, 1))
            if output is NOT_NOW:
                return Unfinished(step, started=True)
            self._complete(step, output)
        except StoreUnavailableError:
            raise
        except BaseException as raised:  # noqa: BLE001 - nothing was awaited: whatever it is, the action raised it
            failure = as_error(raised)
            again = started and pause_before(step.retry, 1, failure, 0.0) is not None
            if again or step.strategy == "fallback_step":
                return Unfinished(step, started=started, failure=failure)
            self._settle_failure(step, failure, 1)
        return None

    async def through(self, unfinished: Unfinished) -> None:
        """Carry a step through to where it has settled.

        Raises:
            SiblingsCancelled: It failed, and its strategy is `fail_workflow`.
        """
        step, started, failure = unfinished.step, unfinished.started, unfinished.failure
        attempt = 1
        if not started and self._leaves_off():
            return
        if not started and failure is None:
            try:
                if not await self._passes_guard(step):
                    self._skip(step, "its condition is false")
                    return
            except OpcodeError as raised:
                failure = raised
        retry = step.retry if started or failure is None else None
        while True:
            if failure is None:
                failure = await self._attempt(step, attempt, started=started)
                started = False
                if failure is None:
                    return
            pause = pause_before(retry, attempt, failure, self._runtime.random())
            if pause is None:
                break
            self._run.record(
                events.STEP_RETRYING,
                step.full_id,
                {"attempt": attempt, "delay_ms": round(pause * 1000), "error": failure.to_json()},
            )
            await self._runtime.sleep(pause)
            if self._leaves_off():
                return
            attempt += 1
            failure = None
        self._settle_failure(step, failure, attempt)
        if step.strategy == "fallback_step" and not isinstance(failure, WorkflowFailed):
            await self._fall_back(step)

    def _leaves_off(self) -> bool:
        """Whether nothing new may begin, because the process is about to end."""
        if self._runtime.closing:
            self._run.left_off = True
        return self._run.left_off

    async def _passes_guard(self, step: PlannedStep) -> bool:
        if step.guard is None:
            return True
        return self._verdict(
            await RunningStep(self._run, self._runtime, step.full_id, 0).evaluate(step.guard)
        )

    async def _attempt(
        self, step: PlannedStep, attempt: int, *, started: bool
    ) -> OpcodeError | None:
        """One attempt; None when it completed the step."""
        async with self._runtime.slot() if step.type.holds_slot else nullcontext():
            context = RunningStep(self._run, self._runtime, step.full_id, attempt)
            try:
                if attempt > 1:
                    self._run.record(events.STEP_RETRY_ATTEMPT, step.full_id, {"attempt": attempt})
                elif not started:
                    self._start(step)
                work = step.type.execute(context)
                output = await (
                    work if step.timeout is None else self._runtime.within(step.timeout, work)
                )
                _heed_cancel()
                self._complete(step, output)
            except BaseException as raised:
                if isinstance(raised, _NOT_FAILURES):
                    raise
                _heed_cancel()
                return as_error(raised)
        return None

    @staticmethod
    def _verdict(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ExecutionError(
                f"the condition gave {type_name(value)} where it must give true or false"
            )
        return value

    def _start(self, step: PlannedStep) -> None:
        if self._run.state.sequence >= MAX_EVENTS:
            raise LimitExceededError(
                f"the workflow has {MAX_EVENTS} events: no step can begin any more"
            )
        self._run.record(events.STEP_STARTED, step.full_id)

    def _complete(self, step: PlannedStep, output: Any) -> None:
        """Record what a step gave: as JSON, and as a value of its own that nobody else can change."""
        if isinstance(output, Output):
            output = output.model_dump(by_alias=True)
        try:
            text = write_json(output, room=_ROOM)
        except OpcodeError as error:
            raise ExecutionError(f"the action gave what is {error.message}") from None
        if len(text) > MAX_OUTPUT_BYTES:
            raise LimitExceededError(
                f"the output is {len(text)} bytes of JSON: at most {MAX_OUTPUT_BYTES}",
                {"limit": MAX_OUTPUT_BYTES},
            )
        self._run.record(events.STEP_COMPLETED, step.full_id, {"output": read_json(text)})
        self._spare_fallback(step)

    def _skip(self, step: PlannedStep, reason: str) -> None:
        self._run.record(events.STEP_SKIPPED, step.full_id, {"reason": reason})
        self._spare_fallback(step)

    def _spare_fallback(self, step: PlannedStep) -> None:
        """Skip a step's fallback when nobody can need it any more."""
        spare = step.fallback
        if spare is None:
            return
        states = self._run.state.steps
        primaries = self._run.plan.steps.fallbacks[spare]
        over = all(other in states and states[other].status in SETTLED for other in primaries)
        if over and spare not in states:
            fallback = self._run.plan.steps.steps[spare]
            self._skip(fallback, "not needed")

    def _settle_failure(self, step: PlannedStep, failure: OpcodeError, attempts: int) -> None:
        """Settle a step that failed for good, as its strategy says; a fallback is left to run."""
        error = final_error(failure, attempts)
        strategy = None if isinstance(failure, WorkflowFailed) else step.strategy
        record, step_id = self._run.record, step.full_id
        if strategy == "ignore":
            record(events.ERROR_HANDLER_INVOKED, step_id, {"strategy": strategy})
            record(events.STEP_IGNORED, step_id, {"error": error})
            return
        record(events.STEP_FAILED, step_id, {"error": error, "attempts": attempts})
        if strategy == "fallback_step":
            record(
                events.ERROR_HANDLER_INVOKED,
                step_id,
                {"strategy": strategy, "fallback_step": step.fallback},
            )
            return
        self._run.fail(error, step_id)
        self._spare_fallback(step)
        if strategy == "fail_workflow":
            record(events.ERROR_HANDLER_INVOKED, step_id, {"strategy": strategy})
            raise SiblingsCancelled

    async def _fall_back(self, step: PlannedStep) -> None:
        """Run the fallback of a failed step, once even when it stands in for several."""
        spare = self._run.plan.steps.steps[step.fallback or ""]
        async with self._fallbacks.setdefault(spare.id, asyncio.Lock()):
            if spare.full_id not in self._run.state.steps:
                await self.through(Unfinished(spare))
        outcome = self._run.state.steps.get(
            spare.full_id
        )  # there is none when it was left for later
        if outcome is not None and outcome.status in ("completed", "skipped"):
            self._run.record(events.STEP_FALLBACK, step.full_id, {"fallback_step": spare.full_id})


def _heed_cancel() -> None:
    """Let a cancellation take effect that an action took no notice of."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
