"""The views on the log: rows that could be dropped and computed again from the events alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from opcode_core.jsonio import compact_json, read_json
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState

WORKFLOW_COLUMNS = (
    "workflow_id",
    "template_name",
    "template_version",
    "status",
    "agent_id",
    "idempotency_key",
    "created_at",
    "completed_at",
    "error",
)


def workflow_row(state: WorkflowState) -> tuple[Any, ...]:
    """The row of a workflow, in the order of `WORKFLOW_COLUMNS`."""
    return (
        state.workflow_id,
        state.template_name,
        state.template_version,
        state.status,
        state.agent_id,
        state.idempotency_key,
        state.created_at,
        state.completed_at,
        None if state.error is None else compact_json(state.error),
    )


EVENT_COLUMNS = "workflow_id, sequence, event_type, step_id, payload, agent_id, timestamp"


def read_event(row: tuple[Any, ...]) -> Event:
    """An event of its stored row, in the order of `EVENT_COLUMNS`."""
    workflow_id, sequence, event_type, step_id, payload, agent_id, timestamp = row
    value = None if payload is None else read_json(payload)
    size = 0 if payload is None else len(payload.encode("utf-8"))
    return Event(workflow_id, sequence, event_type, step_id, value, agent_id, timestamp, size)


def fold(workflow_id: str, rows: Iterable[tuple[Any, ...]]) -> WorkflowState:
    """Fold the stored events of one workflow into its state."""
    state = WorkflowState(workflow_id)
    for row in rows:
        state.apply(read_event(row))
    return state


def rebuild(connection: sqlite3.Connection) -> int:
    """Drop every view and compute it again from the log, inside the caller's transaction.

    Returns:
        How many workflows there are.
    """
    connection.execute("DELETE FROM workflows")
    marks = ", ".join("?" * len(WORKFLOW_COLUMNS))
    count = 0
    for state in _all_states(connection):
        connection.execute(
            f"INSERT INTO workflows ({', '.join(WORKFLOW_COLUMNS)}) VALUES ({marks})",
            workflow_row(state),
        )
        count += 1
    return count


def _all_states(connection: sqlite3.Connection) -> Iterator[WorkflowState]:
    rows = connection.execute(f"SELECT {EVENT_COLUMNS} FROM events ORDER BY workflow_id, sequence")
    for workflow_id, group in groupby(rows, key=itemgetter(0)):
        yield fold(workflow_id, group)
