"""What becomes of a step: the events that say it has begun, completed, failed or was passed over."""

from __future__ import annotations

from typing import Any

from opcode_core.actions import Output
from opcode_core.engine.abandoning import abandon, orphan, unsettled_in
from opcode_core.engine.failures import StepFailedError, final_error, is_final
from opcode_core.engine.frames import Frame
from opcode_core.engine.runtime import Children
from opcode_core.engine.workflow import WorkflowRun
from opcode_core.errors import ExecutionError, LimitExceededError, OpcodeError
from opcode_core.jsonio import read_json, write_json
from opcode_core.model import events
from opcode_core.model.definition import PlannedStep
from opcode_core.model.state import SETTLED
from opcode_core.moments import iso_time, to_micros

_ROOM = 32
"""How many levels an output leaves for what it is wrapped in: events, the workflow's output, answers."""


class Outcomes:
    """Records what becomes of the steps of one workflow.

    Args:
        run: The workflow.
        children: The workflows it started.
    """

    def __init__(self, run: WorkflowRun, children: Children) -> None:
        self._run = run
        self._children = children

    def start(self, frame: Frame, step: PlannedStep) -> None:
        """A step begins.

        Raises:
            LimitExceededError: The workflow has too many events already.
        """
        self._run.has_room()
        self._run.record(events.STEP_STARTED, frame.full_id(step), self._limit(step))

    def again(self, frame: Frame, step: PlannedStep, attempt: int) -> None:
        """A further attempt of a step begins.

        Raises:
            LimitExceededError: The workflow has too many events already.
        """
        self._run.has_room()
        for nested in unsettled_in(self._run, frame.full_id(step)):
            orphan(self._run, self._children, nested)
        payload = {"attempt": attempt, **(self._limit(step) or {})}
        self._run.record(events.STEP_RETRY_ATTEMPT, frame.full_id(step), payload)

    def _limit(self, step: PlannedStep) -> dict[str, str] | None:
        """When an attempt that begins now is out of time; None for never."""
        if step.timeout is None:
            return None
        return {"until": iso_time(to_micros(self._run.now() + step.timeout))}

    def complete(self, frame: Frame, step: PlannedStep, output: Any) -> None:
        """A step has given something: it is kept as JSON, and as a value of its own that nobody else can change.

        Raises:
            ExecutionError: It is no JSON.
            LimitExceededError: It is too large.
        """
        if isinstance(output, Output):
            output = output.model_dump(by_alias=True)
        try:
            text = write_json(output, room=_ROOM)
        except OpcodeError as error:
            raise ExecutionError(f"the action gave what is {error.message}") from None
        most = self._run.limits.output_bytes
        if len(text) > most:
            raise LimitExceededError(
                f"the output is {len(text)} bytes of JSON: at most {most}", {"limit": most}
            )
        del output  # it may be large, and there are two more of it
        payload, text = {"output": read_json(text)}, b'{"output":%b}' % text
        self._run.record(events.STEP_COMPLETED, frame.full_id(step), payload, text=text)
        self.spare(frame, step)

    def skip(self, frame: Frame, step: PlannedStep, reason: str) -> None:
        """A step is passed over."""
        self._run.record(events.STEP_SKIPPED, frame.full_id(step), {"reason": reason})
        self.spare(frame, step)

    def fail(self, frame: Frame, step: PlannedStep, failure: OpcodeError, attempts: int) -> None:
        """A step has failed for good: settle it as its strategy says; a fallback is left to run.

        Raises:
            StepFailedError: Nothing handles that.
        """
        error = final_error(failure, attempts)
        final = is_final(failure) or step.strategy == "fail_workflow"
        strategy = step.strategy if not final or step.strategy == "fail_workflow" else None
        record, step_id = self._run.record, frame.full_id(step)
        if strategy in ("ignore", "fallback_step"):
            self.abandon(step_id, "the step around it has failed")
        if strategy == "ignore":
            record(events.ERROR_HANDLER_INVOKED, step_id, {"strategy": strategy})
            record(events.STEP_IGNORED, step_id, {"error": error})
            self.spare(frame, step)
            return
        payload: dict[str, Any] = {"error": error, "attempts": attempts}
        if final:
            payload["final"] = True
        record(events.STEP_FAILED, step_id, payload)
        if strategy is not None and strategy != "retry":
            handler: dict[str, str] = {"strategy": strategy}
            if step.fallback is not None:
                handler["fallback_step"] = step.fallback
            record(events.ERROR_HANDLER_INVOKED, step_id, handler)
        if strategy == "fallback_step":
            self.spare(frame, step, but=step.fallback)
            return
        self.spare(frame, step)
        cancels = isinstance(failure, StepFailedError) and failure.cancels
        raise StepFailedError(
            {"step_id": step_id, **error},
            final=final,
            cancels=cancels or strategy == "fail_workflow",
        )

    def spare(self, frame: Frame, step: PlannedStep, but: str | None = None) -> None:
        """Skip the fallbacks that nobody can need any more now that a step has settled."""
        for spare in frame.steps.spares.get(step.id, ()):
            if spare == but or frame.has_settled(spare):
                continue
            if not any(self._needs(frame, one, spare) for one in frame.steps.fallbacks[spare]):
                self.abandon(frame.prefix + spare, "not needed")
                orphan(self._run, self._children, frame.prefix + spare)
                self.skip(frame, frame.steps.steps[spare], "not needed")

    def abandon(self, step_id: str, reason: str) -> None:
        """Let nothing inside a step stay unsettled."""
        abandon(self._run, self._children, unsettled_in(self._run, step_id), reason)

    @staticmethod
    def _needs(frame: Frame, step_id: str, spare: str) -> bool:
        """Whether a fallback may have to stand in for a step, or for one inside it."""
        step = frame.steps.steps[step_id]
        state = frame.state(step)
        if state is None or state.status not in SETTLED:
            return True
        waits = state.status == "failed" and not state.handled and not state.final
        return waits and step.fallback == spare
