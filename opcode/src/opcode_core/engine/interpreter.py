"""The interpreter: what happens next in a workflow, level by level, until it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from opcode_core.engine.lifecycle import SiblingsCancelled, StepLifecycle, Unfinished
from opcode_core.engine.runtime import Runtime
from opcode_core.engine.workflow import WorkflowRun
from opcode_core.errors import OpcodeError, ValidationError
from opcode_core.jsonio import read_json, write_json
from opcode_core.model import events
from opcode_core.model.definition import PlannedStep
from opcode_core.model.state import SETTLED
from opcode_core.references.tree import is_quick

_BREATH = 64
"""How many steps are carried through in place before others may run."""


class Interpreter:
    """Runs one workflow.

    Args:
        run: The workflow; its `workflow_started` is recorded.
        runtime: Its world.
    """

    def __init__(self, run: WorkflowRun, runtime: Runtime) -> None:
        self._run = run
        self._runtime = runtime
        self._steps = StepLifecycle(run, runtime)

    async def advance(self) -> None:
        """Go on until the workflow has ended, or left off because the process is about to end.

        Raises:
            StoreUnavailableError: What happened cannot be stored.
        """
        run = self._run
        run.see()
        for level in run.plan.steps.levels:
            await self._level([step for step in level if not self._has_settled(step)])
            if run.left_off:
                return
            if run.failure is not None:
                break
        output = None if run.failure is not None else await self._output()
        if run.failure is not None:
            run.record(events.WORKFLOW_FAILED, None, {"error": run.failure})
        else:
            run.record(events.WORKFLOW_COMPLETED, None, {"output": output})

    def cancel(self) -> None:
        """Record that the workflow was cancelled: every step that has not settled is skipped."""
        self._skip_unsettled(self._run.plan.steps.steps)
        self._run.record(events.WORKFLOW_CANCELLED)

    def _has_settled(self, step: PlannedStep) -> bool:
        state = self._run.state.steps.get(step.full_id)
        return state is not None and state.status in SETTLED

    async def _level(self, steps: Sequence[PlannedStep]) -> None:
        """Run steps side by side until all have settled."""
        waiting: list[Unfinished] = []
        try:
            for count, step in enumerate(steps, 1):
                unfinished = self._steps.in_place(step)
                if unfinished is not None:
                    waiting.append(unfinished)
                if not count % _BREATH:
                    await self._runtime.breathe()
            if len(waiting) == 1:
                await self._steps.through(waiting[0])
            elif waiting:
                async with asyncio.TaskGroup() as group:
                    for unfinished in waiting:
                        group.create_task(self._steps.through(unfinished))
        except SiblingsCancelled:
            pass
        except BaseExceptionGroup as several:
            rest = several.split(SiblingsCancelled)[1]
            if rest is not None:
                raise _first(rest) from None
            self._skip_unsettled([step.id for step in steps if self._has_started(step)])

    def _has_started(self, step: PlannedStep) -> bool:
        return step.full_id in self._run.state.steps

    def _skip_unsettled(self, step_ids: Any) -> None:
        planned = self._run.plan.steps.steps
        for step_id in step_ids:
            if not self._has_settled(planned[step_id]):
                self._run.record(
                    events.STEP_SKIPPED, planned[step_id].full_id, {"reason": "cancelled"}
                )

    async def _output(self) -> Any:
        """The workflow's output; when there is none to be had, the workflow fails."""
        run = self._run
        variables = run.variables_at_end()
        try:
            node = run.plan.output
            if node is None:
                output = self._default_output()
            elif is_quick(node):
                output = node.resolve(variables)
            else:
                output = await self._runtime.in_thread(lambda: node.resolve(variables))
            output = read_json(write_json(output))
            if run.plan.check_output is not None:
                issues = run.plan.check_output(output)
                if issues:
                    first = issues[0]
                    raise ValidationError(
                        f"the output is not what output_schema says: {first['path'] or '/'}: {first['message']}",
                        {"issues": issues},
                    )
        except OpcodeError as error:
            run.fail(error.to_json())
            return None
        return output

    def _default_output(self) -> Any:
        states, last = self._run.state.steps, self._run.plan.steps.last
        if len(last) == 1:
            return states[last[0]].output
        return {step_id: states[step_id].output for step_id in last}


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """One exception of a group: the engine's own trouble is told once."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
