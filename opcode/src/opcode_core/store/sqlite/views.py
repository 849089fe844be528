"""The views on the log: rows that could be dropped and computed again from the events alone."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from opcode_core.errors import StoreError
from opcode_core.jsonio import compact_json, read_json
from opcode_core.model.decisions import Decision
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState
from opcode_core.store.sqlite.blobs import PAYLOAD

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
    "parent_workflow_id",
    "wakes_at",
)
DECISION_COLUMNS = (
    *("id", "workflow_id", "step_id", "status", "target_agent", "created_at", "decision"),
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
        None if state.parent is None else state.parent[0],
        state.wakes_at() if state.status == "suspended" else None,
    )


def decision_row(decision: Decision) -> tuple[Any, ...]:
    """The row of a decision, in the order of `DECISION_COLUMNS`."""
    return (
        decision.id,
        decision.workflow_id,
        decision.step_id,
        decision.status,
        decision.target_agent,
        decision.created_at,
        compact_json(decision.to_json()),
    )


EVENT_COLUMN_NAMES = (
    "workflow_id, sequence, event_type, step_id, payload, agent_id, timestamp, checksum"
)
EVENT_COLUMNS = EVENT_COLUMN_NAMES.replace("payload", PAYLOAD)
"""What is read of an event: its payload is whole."""


def checksum(
    workflow_id: str,
    sequence: int,
    event_type: str,
    step_id: str | None,
    payload: bytes | None,
    agent_id: str | None,
    timestamp: int,
) -> int:
    """What tells that a stored event is not what it was: the CRC of all it says."""
    start = (timestamp ^ timestamp >> 32 ^ sequence) & 0xFFFFFFFF
    head = f"{workflow_id}{event_type}{step_id}{agent_id}".encode("utf-8", "surrogatepass")
    return zlib.crc32(payload or b"", zlib.crc32(head, start))


def verify(row: tuple[Any, ...]) -> None:
    """Refuse an event that is not what was stored; one of the time before checksums has none.

    Raises:
        StoreError: It is not; the workflow it belongs to cannot be used.
    """
    *said, stored = row
    if stored is None:
        return
    said[4] = None if said[4] is None else said[4].encode("utf-8", "surrogatepass")
    if checksum(*said) != stored:
        raise StoreError(
            f"event {row[1]} of workflow {row[0]} is damaged in the database: restore it from a backup",
            {"reason": "damaged", "workflow_id": row[0], "sequence": row[1]},
        )


def read_event(row: tuple[Any, ...]) -> Event:
    """An event of its stored row, in the order of `EVENT_COLUMNS`.

    Raises:
        StoreError: It is not what was stored.
    """
    workflow_id, sequence, event_type, step_id, payload, agent_id, timestamp, _ = row
    verify(row)
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
    connection.execute("DELETE FROM decisions")
    count = 0
    for state in _all_states(connection):
        connection.execute(UPSERT_WORKFLOW, workflow_row(state))
        for decision in state.decisions.values():
            connection.execute(UPSERT_DECISION, decision_row(decision))
        count += 1
    return count


def _upsert(table: str, columns: tuple[str, ...], key: str, changing: tuple[str, ...]) -> str:
    changes = ", ".join(f"{column} = excluded.{column}" for column in changing)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )


UPSERT_WORKFLOW = _upsert(
    "workflows", WORKFLOW_COLUMNS, "workflow_id", ("status", "completed_at", "error", "wakes_at")
)
UPSERT_DECISION = _upsert("decisions", DECISION_COLUMNS, "id", ("status", "decision"))


def _all_states(connection: sqlite3.Connection) -> Iterator[WorkflowState]:
    rows = connection.execute(f"SELECT {EVENT_COLUMNS} FROM events ORDER BY workflow_id, sequence")
    for workflow_id, group in groupby(rows, key=itemgetter(0)):
        yield fold(workflow_id, group)
