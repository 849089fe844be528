"""The interpreter: what happens next in a workflow, from where it stands until it has ended or waits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from opcode_core.durations import format_duration
from opcode_core.engine.abandoning import abandon, orphan
from opcode_core.engine.failures import StepFailedError
from opcode_core.engine.lists import StepLists
from opcode_core.engine.runtime import Runtime
from opcode_core.engine.waiting import SCOPE, Scope, Waits
from opcode_core.engine.workflow import WorkflowRun
from opcode_core.engine.world import World
from opcode_core.errors import OpcodeError, StepTimeoutError, ValidationError
from opcode_core.jsonio import read_json, write_json
from opcode_core.model import events
from opcode_core.model.definition import StepList
from opcode_core.references.tree import is_quick


class Interpreter:
    """Runs one workflow.

    Args:
        run: The workflow; its `workflow_started` is recorded.
        runtime: Its world.
        waits: Who waits in it.
    """

    def __init__(self, run: WorkflowRun, runtime: Runtime, waits: Waits) -> None:
        self._run = run
        self._runtime = runtime
        self._lists = StepLists(World(run, runtime, waits))

    async def advance(self) -> None:
        """Go on until the workflow has ended.

        Raises:
            Parked: Everything in it waits, or the process is about to end.
            StoreUnavailableError: What happened cannot be stored.
        """
        run = self._run
        SCOPE.set(Scope())
        failure = self._out_of_time() if run.state.timed_out else await self._steps()
        output = None
        if failure is None:
            output, failure = await self._output()
        SCOPE.set(Scope())
        if failure is None:
            await self._hook(run.plan.on_complete, "completed", None)
            run.record(events.WORKFLOW_COMPLETED, None, {"output": output})
        else:
            await self._hook(run.plan.on_error, "failed", failure)
            self._stop_unsettled()
            run.record(events.WORKFLOW_FAILED, None, {"error": failure})

    def close(self) -> None:
        """Its parts know each other: without that, what the workflow has is freed as soon as nobody needs it."""
        self._lists.close()

    def cancel(self) -> None:
        """Record that the workflow was cancelled: every step that has not settled is skipped."""
        self._skip([*self._run.plan.steps.steps, *self._run.state.steps], "cancelled")
        self._run.record(events.WORKFLOW_CANCELLED)

    def time_is_up(self) -> None:
        """Record that the workflow is out of time, and do what its definition says of that."""
        run, plan = self._run, self._run.plan
        run.record(
            events.WORKFLOW_TIMED_OUT, None, {"timeout_ms": round((plan.timeout or 0.0) * 1000)}
        )
        if plan.on_timeout == "cancel":
            self.cancel()
        elif plan.on_timeout == "suspend":
            for step_id, state in list(run.state.steps.items()):
                if state.status == "running" or state.waits_for == "child":
                    orphan(run, self._runtime.children, step_id)
                    run.record(events.STEP_SUSPENDED, step_id, {"reason": "timeout"})
            run.record(events.WORKFLOW_SUSPENDED, None, {"reason": "timeout"})
        else:
            self._skip(list(run.state.steps), "the workflow is out of time")

    def suspend(self) -> None:
        """Record that only others can bring the workflow on."""
        run = self._run
        for step_id, state in list(run.state.steps.items()):
            if state.status == "running":
                run.record(events.STEP_SUSPENDED, step_id, {"reason": "nested"})
        run.record(events.WORKFLOW_SUSPENDED)

    async def _steps(self) -> dict[str, Any] | None:
        """Run the definition's own steps; give the error that fails the workflow, None without one."""
        root = self._run.root
        try:
            if self._run.plan.schedule == "dataflow":
                await self._lists.by_dataflow(root)
            else:
                await self._lists.by_level(root)
        except StepFailedError as failed:
            if failed.cancels:
                self._skip(list(self._run.state.steps), "cancelled")
            return failed.error
        return None

    def _out_of_time(self) -> dict[str, Any]:
        seconds = self._run.plan.timeout or 0.0
        return StepTimeoutError(
            f"the workflow took longer than its timeout of {format_duration(seconds)}",
            {"timeout_ms": round(seconds * 1000)},
        ).to_json()

    def _skip(self, step_ids: Iterable[str], reason: str) -> None:
        abandon(self._run, self._runtime.children, step_ids, reason)

    def _stop_unsettled(self) -> None:
        """What waited for time or for others when the workflow failed goes on only if the workflow does."""
        for step_id, state in list(self._run.state.steps.items()):
            if state.status == "running":
                self._run.record(events.STEP_SUSPENDED, step_id, {"reason": "nested"})

    async def _hook(
        self, steps: StepList | None, status: str, error: dict[str, Any] | None
    ) -> None:
        """Run the step that runs at the end; its own failure is in its events and changes nothing."""
        if steps is None:
            return
        with contextlib.suppress(StepFailedError):
            await self._lists.in_sequence(self._run.at_end(steps, status, error))

    async def _output(self) -> tuple[Any, dict[str, Any] | None]:
        """The workflow's output, or the error when there is none to be had."""
        run = self._run
        node = run.plan.output
        try:
            if node is None:
                output = self._default_output()  # JSON already, and nobody changes it
            else:
                variables = run.at_end(run.plan.steps, "completed").variables
                if is_quick(node):
                    output = node.resolve(variables)
                else:
                    output = await self._runtime.in_thread(lambda: node.resolve(variables))
                output = read_json(write_json(output))
            self._check_output(output)
        except OpcodeError as error:
            return None, error.to_json()
        return output, None

    def _check_output(self, output: Any) -> None:
        check = self._run.plan.check_output
        issues = [] if check is None else check(output)
        if issues:
            first = issues[0]
            raise ValidationError(
                f"the output is not what output_schema says: {first['path'] or '/'}: {first['message']}",
                {"issues": issues},
            )

    def _default_output(self) -> Any:
        states, last = self._run.state.steps, self._run.plan.steps.last
        if len(last) == 1:
            return states[last[0]].output
        return {step_id: states[step_id].output for step_id in last}
