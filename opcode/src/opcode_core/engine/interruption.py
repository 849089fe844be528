"""Steps that ran when the process ended: whether they run again, fail, or wait for somebody to decide."""

from __future__ import annotations

from opcode_core.actions import Effect
from opcode_core.engine.frames import Frame
from opcode_core.engine.world import World
from opcode_core.errors import InterruptedStepError, OpcodeError, RecoveryExhaustedError
from opcode_core.model import events
from opcode_core.model.definition import PlannedStep
from opcode_core.model.state import StepState

MAX_RECOVERIES = 3
"""How often a step may be running when the process ends before it is given up."""


class Interruptions:
    """Decides about steps of one workflow that cannot simply be called again.

    Args:
        world: The workflow and what is around it.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._run = world.run

    async def decide(self, frame: Frame, step: PlannedStep, state: StepState) -> OpcodeError | None:
        """Decide about a step that ran when the process ended.

        Returns:
            Its failure; None when it is to run again.

        Raises:
            Withdrawn: Somebody decided, by a signal.
        """
        step_id = frame.full_id(step)
        error = InterruptedStepError(
            "the server stopped while this step ran, and whether it had its effect is unknown: "
            "the signal `retry` runs it again, `skip` passes over it"
        )
        if state.status == "running":
            self._run.record(events.WORKFLOW_INTERRUPTED, step_id, {"steps": [step_id]})
            if state.recoveries >= MAX_RECOVERIES:
                return RecoveryExhaustedError(
                    f"the server stopped {state.recoveries} times while this step ran: it is not tried again"
                )
            if _runs_again(step):
                return None
            if step.on_interrupt == "fail":
                return error
            payload = {"reason": "interrupted", "error": error.to_json()}
            self._run.record(events.STEP_SUSPENDED, step_id, payload)
        while True:
            await self._world.waits.wait(step_id, "outside")


def _runs_again(step: PlannedStep) -> bool:
    if step.on_interrupt is not None:
        return step.on_interrupt == "retry"
    return step.type.effect is not Effect.UNSAFE or step.retry is not None
