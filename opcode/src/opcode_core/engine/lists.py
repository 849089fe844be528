"""Lists of steps: level by level, each as soon as it can, or one after the other."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from opcode_core.engine.failures import StepFailedError
from opcode_core.engine.frames import Frame
from opcode_core.engine.groups import FailFast
from opcode_core.engine.lifecycle import StepLifecycle, Unfinished
from opcode_core.engine.waiting import SCOPE, Stopped
from opcode_core.engine.world import World
from opcode_core.model.definition import PlannedStep

_BREATH = 64
"""How many steps are carried through in place before others may run."""


class StepLists:
    """Runs the lists of steps of one workflow.

    Args:
        world: The workflow and what is around it.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._steps = StepLifecycle(world)
        self._count = 0
        world.lists = self

    def close(self) -> None:
        """Nothing nested runs any more."""
        del self._world.lists

    async def by_level(self, frame: Frame) -> None:
        """Run level after level; the steps of one side by side.

        Raises:
            StepFailedError: One has failed, and nothing handled it; no later level has begun.
        """
        for level in frame.steps.levels:
            await self._level(frame, level)

    async def by_dataflow(self, frame: Frame) -> None:
        """Run each step as soon as what it depends on has settled.

        Raises:
            StepFailedError: One has failed, and nothing handled it; none has begun since.
        """
        waiting = {step_id: len(targets) for step_id, targets in frame.steps.waits.items()}
        dependents: dict[str, list[str]] = {step_id: [] for step_id in waiting}
        for step_id, targets in frame.steps.waits.items():
            for target in targets:
                dependents[target].append(step_id)
        group = FailFast(self._world.waits)

        async def flow(step_id: str) -> None:
            await self._one(frame, frame.steps.steps[step_id])
            for dependent in dependents[step_id]:
                waiting[dependent] -= 1
                if waiting[dependent] == 0 and not group.failed:
                    group.spawn(functools.partial(flow, dependent))

        for step_id, count in list(waiting.items()):
            if count == 0:
                group.spawn(functools.partial(flow, step_id))
        await group.join()

    async def in_sequence(self, frame: Frame) -> None:
        """Run nested steps one after the other.

        Raises:
            StepFailedError: One has failed, and nothing handled it.
            Stopped: Something beside them has failed: the next one does not begin.
        """
        scope = SCOPE.get()
        for index, level in enumerate(frame.steps.levels):
            if index and scope.stopped:
                raise Stopped
            await self._one(frame, level[0])

    async def _one(self, frame: Frame, step: PlannedStep) -> None:
        unfinished = self._steps.in_place(frame, step)
        if unfinished is not None:
            await self._steps.through(frame, unfinished)
        else:
            await self._breathe()

    async def _level(self, frame: Frame, steps: Sequence[PlannedStep]) -> None:
        """Run steps side by side until all have settled; all of them begin, also when one fails at once."""
        waiting: list[Unfinished] = []
        failure: StepFailedError | None = None
        for step in steps:
            try:
                unfinished = self._steps.in_place(frame, step)
            except StepFailedError as error:
                failure = failure or error
                continue
            if unfinished is not None:
                waiting.append(unfinished)
            else:
                await self._breathe()
        if failure is not None and failure.cancels:
            raise failure
        if len(waiting) == 1 and failure is None:
            await self._steps.through(frame, waiting[0])
        elif waiting:
            group = FailFast(self._world.waits)
            if failure is not None:
                group.fail(failure)
            for unfinished in waiting:
                group.spawn(functools.partial(self._steps.through, frame, unfinished))
            await group.join()
        if failure is not None:
            raise failure

    async def _breathe(self) -> None:
        """Let others run now and then."""
        self._count += 1
        if not self._count % _BREATH:
            await self._world.runtime.breathe()
