"""Steps that nobody wants any more: skipped, with the workflows they started cancelled."""

from __future__ import annotations

from collections.abc import Iterable

from opcode_core.engine.runtime import Children
from opcode_core.engine.workflow import WorkflowRun
from opcode_core.model import events
from opcode_core.model.state import SETTLED


def unsettled_in(run: WorkflowRun, step_id: str) -> list[str]:
    """The steps nested in a step that have not settled."""
    state = run.state
    return [one for one in state.nested_in(step_id) if state.steps[one].status not in SETTLED]


def abandon(run: WorkflowRun, children: Children, step_ids: Iterable[str], reason: str) -> None:
    """Skip those of these steps that have not settled."""
    states = run.state.steps
    for step_id in dict.fromkeys(step_ids):
        if step_id not in states or states[step_id].status not in SETTLED:
            orphan(run, children, step_id)
            run.record(events.STEP_SKIPPED, step_id, {"reason": reason})


def orphan(run: WorkflowRun, children: Children, step_id: str) -> None:
    """Nobody waits any more for the workflow that a step started, if it did."""
    child_id = run.state.children.get(step_id)
    if child_id is not None:
        children.cancel(child_id)
