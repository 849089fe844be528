"""What must hold for every workflow, at every event and at the end."""

from __future__ import annotations

from collections import Counter
from typing import Any

from opcode_core.model.events import Event
from opcode_core.model.state import FINISHED, SETTLED, WorkflowState
from simulated_actions import Outside
from simulated_workflows import Facts

_SETTLING = frozenset({"step_completed", "step_failed", "step_skipped", "step_ignored"})
_FOR_SUSPENDED = frozenset(
    {
        *("signal_received", "workflow_resumed", "workflow_cancelled", "workflow_timed_out"),
        *("decision_resolved", "step_skipped", "variable_set"),
    }
)


def facts_of(state: WorkflowState) -> dict[str, Any]:
    """Everything a state holds, but how it was asked for."""
    steps = {
        step_id: {name: getattr(step, name) for name in step.__slots__ if name != "_view"}
        for step_id, step in state.steps.items()
    }
    kept = {name: value for name, value in vars(state).items() if name != "touched"}
    return {**kept, "steps": steps}


class Watcher:
    """Looks at every event as it happens, with a state of its own that is folded from them.

    Args:
        facts: Template → what is known of it.
        outside: What its actions do.
    """

    def __init__(self, facts: dict[str, Facts], outside: Outside) -> None:
        self._facts = facts
        self._outside = outside
        self.shadows: dict[str, WorkflowState] = {}
        self.kinds: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self._begun: Counter[tuple[str, str]] = Counter()

    def begin_anew(self, states: list[WorkflowState]) -> None:
        """The process has crashed: what was not stored never happened."""
        self.shadows = {state.workflow_id: state for state in states}

    def see(self, event: Event, state: WorkflowState) -> None:
        """An event has happened; `state` is the live one with it folded in."""
        shadow = self.shadows.get(event.workflow_id)
        if shadow is None:
            shadow = self.shadows[event.workflow_id] = WorkflowState(event.workflow_id)
        kind = event.event_type
        self.kinds[kind] += 1
        told = (event.sequence, kind, event.step_id)
        if shadow.status in FINISHED:
            signal = (event.payload or {}).get("signal_type")
            assert kind == "signal_received", f"after the end: {told}"
            assert signal in ("retry", "skip"), f"after the end: {told}"
            assert shadow.status == "failed", f"signal to a {shadow.status} one: {told}"
        if shadow.status == "suspended":
            assert kind in _FOR_SUSPENDED, f"while suspended: {told}"
        if event.step_id is not None:
            self._look_at_step(shadow, event)
        if kind == "signal_received" and event.payload.get("agent_id") == "driver":
            self.received[event.workflow_id] += 1
        shadow.apply(event)
        if kind.startswith("workflow_") and shadow.status in (*FINISHED, "suspended"):
            self._look_at_stop(shadow, told)

    def _look_at_step(self, shadow: WorkflowState, event: Event) -> None:
        step_id, kind = event.step_id or "", event.event_type
        before = shadow.steps.get(step_id)
        status = "pending" if before is None else before.status
        told = (event.sequence, kind, step_id, status)
        facts, name = self._facts[shadow.template_name], step_id.rpartition(".")[2]
        if kind in _SETTLING:
            reason = (event.payload or {}).get("reason")
            if reason == "skipped by a signal":
                assert status in ("failed", "suspended") or step_id in shadow.hooks, told
            elif kind == "step_skipped":
                assert status not in SETTLED, f"settled twice: {told}"
            else:
                assert status in ("running", "pending", "suspended"), f"settled twice: {told}"
            if reason == "its condition is false":
                assert facts.guards.get(name) is False, f"guard: {told}"
        elif kind == "step_started":
            waits = "" if before is None else before.waits_for
            assert status == "pending" or waits == "timeout", f"started twice: {told}"
            assert facts.guards.get(name) is not False, f"guard: {told}"
            self._begun[shadow.workflow_id, step_id] += 1
            self._look_at_order(shadow, facts, step_id, name)
            for outer in shadow.around(step_id):
                assert shadow.steps[outer].status == "running", f"inside {outer}: {told}"
        elif kind in ("step_retry_attempt", "step_retrying"):
            assert status in ("running", "suspended", "pending"), told
            self._begun[shadow.workflow_id, step_id] += kind == "step_retry_attempt"

    @staticmethod
    def _look_at_order(shadow: WorkflowState, facts: Facts, step_id: str, name: str) -> None:
        for other in facts.waits.get(step_id, ()):
            state = shadow.steps.get(other)
            assert state is not None, f"{step_id} before {other}"
            assert state.status in SETTLED, f"{step_id} before {other}"
            assert state.status != "failed" or state.handled, f"{step_id} after {other} failed"
        primaries = facts.primaries.get(name)
        if primaries is not None:
            failed = [
                one
                for one, state in shadow.steps.items()
                if one.rpartition(".")[2] in primaries and state.status == "failed"
            ]
            assert failed, f"fallback {step_id} was not needed"

    def _look_at_stop(self, shadow: WorkflowState, told: Any) -> None:
        running = self._outside.running[shadow.workflow_id]
        assert not running, f"{running} actions run still: {told}"
        for step_id, step in shadow.steps.items():
            assert step.status != "running", f"{step_id} runs: {told}"
            if shadow.status in ("completed", "cancelled"):
                assert step.status in SETTLED, f"{step_id} is {step.status}: {told}"
        if shadow.status in FINISHED:
            assert not list(shadow.pending_decisions()), told

    def may_run(self, workflow_id: str, step_id: str) -> None:
        """An action is called."""
        shadow = self.shadows[workflow_id]
        assert shadow.status == "active", f"{step_id} runs in a {shadow.status} workflow"
        assert shadow.steps[step_id].status == "running", f"{step_id} is called"

    def look_at_effects(self) -> None:
        """What has completed was done, and nothing unsafe was done again without consent."""
        done = {(workflow_id, step_id) for workflow_id, step_id, _ in self._outside.calls}
        for state in self.shadows.values():
            actions = self._facts[state.template_name].actions
            for step_id, step in state.steps.items():
                if step.status == "completed" and step_id.rpartition(".")[2] in actions:
                    assert (state.workflow_id, step_id) in done, f"{step_id} was never called"
        for (workflow_id, step_id, effect), calls in self._outside.calls.items():
            shadow = self.shadows.get(workflow_id)
            if effect != "unsafe" or shadow is None:
                continue
            name = step_id.rpartition(".")[2]
            if name in self._facts[shadow.template_name].consenting:
                continue
            begun = self._begun[workflow_id, step_id]
            assert calls <= begun, f"{step_id} was called {calls} times and begun {begun} times"
