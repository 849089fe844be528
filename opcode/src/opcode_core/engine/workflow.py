"""A workflow while it runs: its plan, its state, what its steps can see, and the recording of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from opcode_core.clock import iso_time, to_micros
from opcode_core.engine.runtime import Runtime
from opcode_core.model.definition import Plan
from opcode_core.model.events import Event
from opcode_core.model.state import StepState, WorkflowState

MAX_EVENTS = 50_000
"""How many events a workflow may have."""
_PENDING: dict[str, Any] = StepState().view


class StepsView(Mapping[str, Any]):
    """The steps as references and expressions see them: `{id: {output, status, error, …}}`.

    Args:
        plan: Which steps there are.
        state: What became of them.
    """

    __slots__ = ("_known", "_steps")

    def __init__(self, plan: Plan, state: WorkflowState) -> None:
        self._known = plan.steps.steps
        self._steps = state.steps

    def __getitem__(self, step_id: str) -> dict[str, Any]:
        state = self._steps.get(step_id)
        if state is not None:
            return state.view
        if step_id.partition(".")[0] in self._known:
            return _PENDING
        raise KeyError(step_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class WorkflowRun:
    """A workflow while it runs.

    Attributes:
        plan: What it does.
        state: Where it stands.
        variables: What its steps can see.
        failure: The error that fails it, with `step_id`; None while nothing does.
        left_off: Whether a step did not begin because the process is about to end; the next one goes on from there.

    Args:
        plan: See above.
        state: See above.
        runtime: Where events are stored.
    """

    def __init__(self, plan: Plan, state: WorkflowState, runtime: Runtime) -> None:
        self.plan = plan
        self.state = state
        self.failure: dict[str, Any] | None = None
        self.left_off = False
        self._runtime = runtime
        self._workflow: dict[str, Any] = {}
        self.variables: dict[str, Any] = {
            "steps": StepsView(plan, state),
            "workflow": self._workflow,
        }

    def record(
        self,
        event_type: str,
        step_id: str | None = None,
        payload: Any = None,
        agent_id: str | None = None,
    ) -> None:
        """Let something have happened: it is folded into the state at once and handed over to be stored.

        Args:
            event_type: What it is.
            step_id: The step it concerns.
            payload: JSON members; None for nothing.
            agent_id: Who caused it.
        """
        text = None if payload is None else orjson.dumps(payload)
        event = Event(
            self.state.workflow_id,
            self.state.sequence + 1,
            event_type,
            step_id,
            payload,
            agent_id,
            to_micros(self._runtime.now()),
            0 if text is None else len(text),
        )
        self.state.apply(event)
        self._runtime.store(event, text, self.state)

    def see(self) -> None:
        """Make what steps can see of workflow, inputs and context agree with the state."""
        state = self.state
        self._workflow.update(
            run_id=state.workflow_id,
            name=self.plan.name or state.template_name,
            template_name=state.template_name,
            template_version=state.template_version,
            agent_id=state.agent_id,
            started_at=iso_time(state.created_at),
            status=state.status,
        )
        self.variables["inputs"] = state.inputs
        self.variables["context"] = state.context

    def fail(self, error: dict[str, Any], step_id: str | None = None) -> None:
        """Let the workflow fail because of this error, unless it already does because of another."""
        if self.failure is None:
            self.failure = {**error, "step_id": step_id} if step_id else error

    def variables_at_end(self) -> dict[str, Any]:
        """What the workflow's output can see: everything, with the workflow completed."""
        return {**self.variables, "workflow": {**self._workflow, "status": "completed"}}
