"""The state of a workflow: nothing but what its events say.

`WorkflowState.apply` is the only thing that changes a state: live, when a workflow is read back, and in tests. It asks
nobody for anything, so the same events always give the same state. What each event changes stands in `changes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opcode_core.model.changes import CHANGES
from opcode_core.model.decisions import Decision, DecisionStatus
from opcode_core.model.events import Event
from opcode_core.model.signals import WaitingSignal

SETTLED = frozenset({"completed", "failed", "skipped"})
FINISHED = frozenset({"completed", "failed", "cancelled"})
STOPPED = FINISHED | {"suspended"}
"""The statuses in which a workflow waits for somebody, or for nobody any more."""


class StepState:
    """One step of one workflow.

    Attributes:
        status: pending, running, suspended, completed, failed or skipped.
        output: What it gave; None until there is something.
        error: `{code, message, details?}` of the last failure; None when there is none.
        attempts: How often it was tried.
        started_at: When it was first tried, in microseconds since 1970; None if never.
        attempt_at: When the present attempt began, likewise.
        ended_at: When it settled, likewise.
        size: About how many bytes of JSON the output has.
        waits_for: What a suspended step waits for: `decision`, `signal`, `child`, `nested`, `interrupted`, `timeout`.
        handled: Whether its fallback stands in for it.
        final: Whether it failed because the workflow was to fail, which nothing handles.
        records: What it computed once in this attempt, by name; None for nothing.
        due: When its pause or wait is over, in microseconds since 1970; None without one.
        deadline: When its attempt is out of time, likewise; None for never.
        retry_at: When its next attempt is due, likewise.
        recoveries: How often the process ended while it ran.
        decision: The id of the decision it asks for or asked for last.
        replacement: The parameters a `retry` signal gave; None for those of the definition.
    """

    __slots__ = (
        *(
            "_view",
            "attempt_at",
            "attempts",
            "deadline",
            "decision",
            "due",
            "ended_at",
            "error",
            "final",
            "handled",
        ),
        *("output", "records", "recoveries", "replacement", "retry_at"),
        *("size", "started_at", "status", "waits_for"),
    )

    def __init__(self) -> None:
        self.status = "pending"
        self.output: Any = None
        self.error: dict[str, Any] | None = None
        self.attempts = 0
        self.started_at: int | None = None
        self.attempt_at: int | None = None
        self.ended_at: int | None = None
        self.size = 0
        self.waits_for: str | None = None
        self.handled = False
        self.final = False
        self.records: dict[str, Any] | None = None
        self.due: int | None = None
        self.deadline: int | None = None
        self.retry_at: int | None = None
        self.recoveries = 0
        self.decision: str | None = None
        self.replacement: dict[str, Any] | None = None
        self._view: dict[str, Any] | None = None

    @property
    def view(self) -> dict[str, Any]:
        """The step as references and expressions see it: `output`, `status`, `error`, and the output's own fields."""
        if self._view is None:
            fields = self.output if isinstance(self.output, dict) else {}
            self._view = {
                **fields,
                "output": self.output,
                "status": self.status,
                "error": self.error,
            }
        return self._view

    @property
    def passed(self) -> bool:
        """Whether it has settled and what comes after it may go on."""
        return self.status in ("completed", "skipped") or self.handled

    def changed(self) -> None:
        """Forget the view; called by the fold only."""
        self._view = None


class WorkflowState:
    """One workflow, folded from its events.

    Beside what an answer shows it has what the engine goes by: decisions by id, signals that wait (`inbox`), the
    children its steps started, whose child it is, since when its time counts (`allowance_from`), and `touched`: the
    decisions that the last event changed. Times are microseconds since 1970.

    Args:
        workflow_id: The workflow.
    """

    def __init__(self, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        self.sequence = 0
        self.status = "pending"
        self.template_name = ""
        self.template_version = ""
        self.agent_id = ""
        self.idempotency_key: str | None = None
        self.working_directory = ""
        self.inputs: dict[str, Any] = {}
        self.input_sources: dict[str, frozenset[str]] = {}
        self.context: dict[str, Any] = {}
        self.output: Any = None
        self.output_size = 0
        self.error: dict[str, Any] | None = None
        self.created_at = 0
        self.completed_at: int | None = None
        self.steps: dict[str, StepState] = {}
        self.decisions: dict[str, Decision] = {}
        self.inbox: list[WaitingSignal] = []
        self.children: dict[str, str] = {}
        self.parent: tuple[str, str] | None = None
        self.depth = 0
        self.allowance_from = 0
        self.suspended_at: int | None = None
        self.suspended_micros = 0
        self.timed_out = False
        self.has_nested = False
        self.hooks: tuple[str, ...] = ()
        self.touched: list[Decision] = []

    def step(self, step_id: str) -> StepState:
        """The state of a step; a new one if it has none yet."""
        state = self.steps.get(step_id)
        if state is None:
            state = self.steps[step_id] = StepState()
            self.has_nested = self.has_nested or "." in step_id
        return state

    def nested_in(self, step_id: str) -> list[str]:
        """The ids of the steps nested in a step, as far as they have a state."""
        prefix = step_id + "."
        return (
            [other for other in self.steps if other.startswith(prefix)] if self.has_nested else []
        )

    def around(self, step_id: str) -> list[str]:
        """The ids of the steps a step is nested in, as far as they have a state; the outermost first."""
        parts = step_id.split(".")
        outer = (".".join(parts[:length]) for length in range(1, len(parts)))
        return [one for one in outer if one in self.steps]

    def pending_decisions(self) -> Iterator[Decision]:
        """The decisions nobody has made yet, in the order they were asked."""
        return (one for one in self.decisions.values() if one.status == "pending")

    def decision_of(self, step_id: str) -> Decision | None:
        """The decision a step asks for, or asked for last."""
        step = self.steps.get(step_id)
        return None if step is None or step.decision is None else self.decisions[step.decision]

    def close_decision(
        self,
        decision: Decision,
        status: DecisionStatus,
        when: int,
        answer: dict[str, Any] | None = None,
    ) -> None:
        """Let a decision be pending no more; called by the fold only."""
        decision.close(status, when, answer)
        self.touched.append(decision)

    def withdraw_decision(self, step_id: str, when: int) -> None:
        """Let nobody decide any more what a step asked for; called by the fold only."""
        decision = self.decision_of(step_id)
        if decision is not None and decision.status == "pending":
            self.close_decision(decision, "cancelled", when)

    def wakes_at(self) -> int | None:
        """When a deadline of what it waits for passes, in microseconds since 1970; None for never."""
        deadlines = [(one.step_id, one.timeout_at) for one in self.pending_decisions()]
        for step_id, step in self.steps.items():
            if step.status == "suspended":
                deadlines += [(step_id, step.due), (step_id, step.deadline)]
        return min(
            (when for step_id, when in deadlines if when is not None and not self._over(step_id)),
            default=None,
        )

    def _over(self, step_id: str) -> bool:
        """Whether a step around one has failed: nothing in it goes on then."""
        return any(self.steps[outer].status == "failed" for outer in self.around(step_id))

    def apply(self, event: Event) -> None:
        """Fold one event into the state.

        Raises:
            ValueError: The event is not the next one of this workflow.
        """
        if event.sequence != self.sequence + 1:
            raise ValueError(
                f"event {event.sequence} of {self.workflow_id} does not follow {self.sequence}"
            )
        self.sequence = event.sequence
        if self.touched:
            self.touched = []
        change = CHANGES.get(event.event_type)
        if change is not None:
            change(self, event)
