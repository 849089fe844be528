"""The life of a step: guard, attempts, outcome, handler.

A step that can finish without waiting is carried through in place, without a task; everything that has to wait goes the
other way, through the same pieces. A step that has begun before goes on from its state.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from opcode_core.engine.abandoning import orphan
from opcode_core.engine.context import RunningStep
from opcode_core.engine.failures import StepFailedError, as_error, is_final, pause_before
from opcode_core.engine.frames import Frame
from opcode_core.engine.interruption import Interruptions
from opcode_core.engine.outcome import Outcomes
from opcode_core.engine.runtime import StoreUnavailableError
from opcode_core.engine.waiting import Parked, Stopped, Withdrawn
from opcode_core.engine.world import World
from opcode_core.errors import ExecutionError, OpcodeError, StepTimeoutError
from opcode_core.jsonio import type_name
from opcode_core.model import events
from opcode_core.model.definition import PlannedStep
from opcode_core.model.state import SETTLED, StepState
from opcode_core.steps import NOT_NOW

_NOT_FAILURES = (asyncio.CancelledError, StoreUnavailableError, Parked, Stopped, Withdrawn)
"""What ends an attempt that waits without the step having failed."""


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
        world: The workflow and what is around it.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._run = world.run
        self._runtime = world.runtime
        self._outcomes = Outcomes(world.run, world.runtime.children)
        self._interruptions = Interruptions(world)
        self._fallbacks: dict[str, asyncio.Lock] = {}

    def in_place(self, frame: Frame, step: PlannedStep) -> Unfinished | None:
        """Carry a step as far as goes without waiting.

        Returns:
            None when it has settled; else what is left to do, for `through`.

        Raises:
            StepFailedError: It failed, and nothing handles that.
            Parked: The process is about to end: nothing new begins.
        """
        kind, guard, state = step.type, step.guard, frame.state(step)
        if state is not None and state.status != "pending":
            return self._begun(frame, step, state)
        self._may_begin()
        waits = not kind.in_place or self._runtime.careful
        if waits or (guard is not None and not guard.quick):
            return Unfinished(step)
        started = False
        try:
            if guard is not None and not _verdict(guard.evaluate(frame.variables)):
                self._outcomes.skip(frame, step, "its condition is false")
                return None
            self._outcomes.start(frame, step)
            started = True
            output = kind.execute_now(RunningStep(self._world, frame, step, 1))
            if output is NOT_NOW:
                return Unfinished(step, started=True)
            self._outcomes.complete(frame, step, output)
        except StoreUnavailableError:
            raise
        except BaseException as raised:  # noqa: BLE001 - nothing was awaited: whatever it is, the action raised it
            failure = as_error(raised)
            again = started and pause_before(step.retry, 1, failure, 0.0) is not None
            if again or step.strategy == "fallback_step":
                return Unfinished(step, started=started, failure=failure)
            self._outcomes.fail(frame, step, failure, 1)
        return None

    def _begun(self, frame: Frame, step: PlannedStep, state: StepState) -> Unfinished | None:
        """What is left to do of a step that has begun before."""
        if not state.passed:
            return Unfinished(step)
        self._outcomes.spare(frame, step)  # a signal may have let it pass
        return None

    async def through(self, frame: Frame, unfinished: Unfinished) -> None:
        """Carry a step through to where it has settled.

        Raises:
            StepFailedError: It failed, and nothing handles that.
            Parked: The workflow is unwound.
            Stopped: Something beside it has failed, and it waits for somebody.
        """
        step = unfinished.step
        while True:
            try:
                state = frame.state(step)
                if unfinished.started or unfinished.failure is not None:
                    await self._attempts(frame, step, 1, unfinished)
                elif state is None or state.status == "pending":
                    await self._begin(frame, step)
                elif state.status in SETTLED:
                    await self._settled(frame, step, state)
                else:
                    await self._go_on(frame, step, state)
            except Withdrawn as withdrawn:
                if withdrawn.step_id != frame.full_id(step):
                    raise  # it is a step around this one that was changed
                unfinished = Unfinished(step)
            else:
                return

    async def _begin(self, frame: Frame, step: PlannedStep) -> None:
        self._may_begin()
        failure = None
        if step.guard is not None:
            try:
                context = RunningStep(self._world, frame, step, 0)
                if not _verdict(await context.evaluate(step.guard)):
                    self._outcomes.skip(frame, step, "its condition is false")
                    return
            except OpcodeError as raised:
                failure = raised
        await self._attempts(frame, step, 1, Unfinished(step, failure=failure))

    async def _go_on(self, frame: Frame, step: PlannedStep, state: StepState) -> None:
        """Go on with a step that has begun before: where it waits, or with its next attempt."""
        if state.retry_at is not None:
            await self._pause(frame.full_id(step), state.retry_at)
            await self._attempts(frame, step, state.attempts + 1, Unfinished(step))
        elif state.waits_for == "timeout":
            await self._attempts(frame, step, 1, Unfinished(step))
        else:
            failure = None
            if not step.type.resumes:
                failure = await self._interruptions.decide(frame, step, state)
            going_on = Unfinished(step, started=True, failure=failure)
            await self._attempts(frame, step, state.attempts, going_on)

    async def _settled(self, frame: Frame, step: PlannedStep, state: StepState) -> None:
        """A step that has settled before: what is left is what comes of its failure."""
        if state.status != "failed" or state.handled:
            return
        if step.strategy == "fallback_step" and not state.final:
            await self._fall_back(frame, step)
            return
        raise StepFailedError(
            {"step_id": frame.full_id(step), **(state.error or {})},
            final=state.final,
            cancels=step.strategy == "fail_workflow",
        )

    async def _attempts(
        self, frame: Frame, step: PlannedStep, attempt: int, begun: Unfinished
    ) -> None:
        """Try until it succeeds or is not to be tried again, from this attempt on."""
        started, failure = begun.started, begun.failure
        retry = step.retry if started or failure is None else None
        step_id = frame.full_id(step)
        while True:
            if failure is None:
                failure = await self._attempt(frame, step, attempt, started=started)
                started = False
                if failure is None:
                    return
            pause = pause_before(retry, attempt, failure, self._runtime.random())
            if pause is None:
                break
            self._run.record(
                events.STEP_RETRYING,
                step_id,
                {"attempt": attempt, "delay_ms": round(pause * 1000), "error": failure.to_json()},
            )
            await self._pause(step_id, self._run.state.steps[step_id].retry_at or 0)
            attempt += 1
            started, failure = False, None
        self._outcomes.fail(frame, step, failure, attempt)
        if step.strategy == "fallback_step" and not is_final(failure):
            await self._fall_back(frame, step)

    async def _pause(self, step_id: str, until: int) -> None:
        """Wait for the next attempt; nothing begins any more when the process is about to end."""
        due = until / 1e6
        while self._runtime.now() < due:
            await self._world.waits.wait(step_id, "pause", due)
        self._may_begin()

    async def _attempt(
        self, frame: Frame, step: PlannedStep, attempt: int, *, started: bool
    ) -> OpcodeError | None:
        """One attempt; None when it completed the step."""
        async with self._runtime.slot() if step.type.holds_slot else nullcontext():
            if not started:
                self._may_begin()
            context = RunningStep(self._world, frame, step, attempt)
            try:
                if not started and attempt > 1:
                    self._outcomes.again(frame, step, attempt)
                elif not started:
                    self._outcomes.start(frame, step)
                output = await self._within_limit(step, context)
                _heed_cancel()
                self._outcomes.complete(frame, step, output)
            except BaseException as raised:
                if isinstance(raised, _NOT_FAILURES):
                    context.leave()
                    raise
                _heed_cancel()
                failure = as_error(raised)
                context.report(failure)
                return failure
            context.report(None)
        return None

    async def _within_limit(self, step: PlannedStep, context: RunningStep) -> Any:
        if self._runtime.careful:
            await self._runtime.stored()
        work = step.type.execute(context)
        if step.timeout is None:
            return await work
        deadline = (self._run.state.steps[context.step_id].deadline or 0) / 1e6
        with self._world.waits.deadline(deadline):
            try:
                left = deadline - self._runtime.now()
                return await self._runtime.within(left, step.timeout, work)
            except StepTimeoutError:
                orphan(self._run, self._runtime.children, context.step_id)
                if self._world.waits.unwinding and not step.type.holds_slot:
                    raise Parked from None  # it was about to be let go: it fails when it goes on
                raise

    async def _fall_back(self, frame: Frame, step: PlannedStep) -> None:
        """Run the fallback of a failed step, once even when it stands in for several."""
        owner = frame.owner_of(step.fallback or "")
        spare = owner.steps.steps[step.fallback or ""]
        spare_id = owner.full_id(spare)
        lock = self._fallbacks.setdefault(spare_id, asyncio.Lock())
        async with self._world.waits.hold(lock):
            await self.through(owner, Unfinished(spare))
        outcome = self._run.state.steps[spare_id]
        if outcome.status in ("completed", "skipped") or outcome.handled:
            self._run.record(events.STEP_FALLBACK, frame.full_id(step), {"fallback_step": spare_id})

    def _may_begin(self) -> None:
        """Nothing new begins when the process is about to end."""
        if self._runtime.closing:
            raise Parked


def _verdict(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ExecutionError(
            f"the condition gave {type_name(value)} where it must give true or false"
        )
    return value


def _heed_cancel() -> None:
    """Let a cancellation take effect that an action took no notice of."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
