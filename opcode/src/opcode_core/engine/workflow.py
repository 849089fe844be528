"""A workflow while it runs: its plan, its state, what its steps can see, and the recording of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from opcode_core.engine.frames import Frame
from opcode_core.engine.runtime import Runtime
from opcode_core.errors import LimitExceededError
from opcode_core.model.definition import Plan, StepList
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState
from opcode_core.moments import iso_time, to_micros


class WorkflowRun:
    """A workflow while it runs.

    Attributes:
        plan: What it does.
        state: Where it stands.
        variables: What can be seen everywhere in it: `inputs`, `workflow`, `context`.
        root: The definition's own list of steps.
        limits: How large things may get.

    Args:
        plan: See above.
        state: See above.
        runtime: Where events are stored.
    """

    def __init__(self, plan: Plan, state: WorkflowState, runtime: Runtime) -> None:
        self.plan = plan
        self.state = state
        self.limits = runtime.limits
        self._runtime = runtime
        self._workflow: dict[str, Any] = {}
        self._frames: dict[Frame, None] = {}
        self.variables: dict[str, Any] = {"workflow": self._workflow}
        self.see()
        self.root = Frame(plan.steps, "", None, state.steps, self.variables)
        self._frames[self.root] = None

    def record(
        self,
        event_type: str,
        step_id: str | None = None,
        payload: Any = None,
        agent_id: str | None = None,
        text: bytes | None = None,
    ) -> None:
        """Let something have happened: it is folded into the state at once and handed over to be stored.

        Args:
            event_type: What it is.
            step_id: The step it concerns.
            payload: JSON members; None for nothing.
            agent_id: Who caused it.
            text: The payload as it is stored, if that is known.
        """
        if text is None and payload is not None:
            text = orjson.dumps(payload)
        state = self.state
        event = Event(
            state.workflow_id,
            state.sequence + 1,
            event_type,
            step_id,
            payload,
            agent_id,
            to_micros(self._runtime.now()),
            0 if text is None else len(text),
        )
        context = state.context
        state.apply(event)
        self._runtime.store(event, text, state)
        if state.context is not context:
            self.see()

    def has_room(self) -> None:
        """Let nothing more begin when the workflow has too many events.

        Raises:
            LimitExceededError: It has.
        """
        if self.state.sequence >= self.limits.events:
            raise LimitExceededError(
                f"the workflow has {self.limits.events} events: no step can begin any more",
                {"limit": self.limits.events},
            )

    def now(self) -> float:
        """What time it is, in seconds since 1970."""
        return self._runtime.now()

    def see(self) -> None:
        """Make what can be seen of workflow, inputs and context agree with the state."""
        state = self.state
        self._workflow.update(
            run_id=state.workflow_id,
            name=self.plan.name or state.template_name,
            template_name=state.template_name,
            template_version=state.template_version,
            agent_id=state.agent_id,
            started_at=iso_time(state.created_at),
            status="active",
        )
        seen = {"inputs": state.inputs, "context": state.context}
        self.variables.update(seen)
        for frame in self._frames:
            frame.variables.update(seen)

    @contextmanager
    def frame(
        self,
        steps: StepList,
        prefix: str,
        outer: Frame,
        loop: Mapping[str, Any] | None,
        sources: frozenset[str],
    ) -> Iterator[Frame]:
        """A list of nested steps, for as long as it runs."""
        frame = Frame(steps, prefix, outer, self.state.steps, outer.variables, loop, sources)
        self._frames[frame] = None
        try:
            yield frame
        finally:
            del self._frames[frame]

    def at_end(self, steps: StepList, status: str, error: dict[str, Any] | None = None) -> Frame:
        """A list of steps that runs when all others are over: it sees what the workflow has come to."""
        workflow = {**self._workflow, "status": status}
        if error is not None:
            workflow["error"] = error
        variables = {**self.root.variables, "workflow": workflow}
        return Frame(steps, "", self.root, self.state.steps, variables)
