"""Groups of events: what is stored in one transaction, and what is taken out again when it cannot be."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection
from typing import Any

from opcode_core.errors import StoreError
from opcode_core.model import events
from opcode_core.model.decisions import Decision
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState
from opcode_core.store.sqlite.blobs import LARGE, name_blobs, take_apart
from opcode_core.store.sqlite.views import (
    EVENT_COLUMN_NAMES,
    UPSERT_DECISION,
    UPSERT_WORKFLOW,
    checksum,
    decision_row,
    workflow_row,
)

EventRow = tuple[str, int, str, str | None, str | None, str | None, int, int]

_STATUS_EVENTS = frozenset(
    {
        *(events.WORKFLOW_STARTED, events.WORKFLOW_SUSPENDED, events.WORKFLOW_RESUMED),
        *(events.WORKFLOW_COMPLETED, events.WORKFLOW_FAILED, events.WORKFLOW_CANCELLED),
    }
)
_COLUMNS = 8
_BLOCK = 64
"""Rows in one statement at most: SQLite runs a statement without Python's lock, so a busy loop cannot hold it up."""


class Group:
    """Events that are stored together.

    Attributes:
        rows: The events.
        begun: The workflows whose first event is among them, and that no other workflow waits for.
        waiting: Who waits until they are stored.
        done: Whether they are, or were given up.
        lost: The workflows that were taken out of it, and why.
    """

    __slots__ = (
        "_changed",
        "_decisions",
        "_large",
        "_views",
        "_workflow_ids",
        "begun",
        "done",
        "lost",
        "rows",
        "waiting",
    )

    def __init__(self) -> None:
        self.rows: list[EventRow] = []
        self.begun: set[str] = set()
        self.waiting: list[asyncio.Future[None]] = []
        self.done = False
        self.lost: dict[str, StoreError] = {}
        self._workflow_ids: set[str] = set()
        self._changed: dict[str, WorkflowState] = {}
        self._decisions: dict[str, Decision] = {}
        self._views: list[tuple[str, str, tuple[Any, ...]]] = []
        self._large = False

    def add(self, event: Event, payload: bytes | None, state: WorkflowState) -> None:
        """One more event."""
        workflow_id, sequence, event_type, step_id, _, agent_id, timestamp, _ = event
        self.rows.append(
            (
                workflow_id,
                sequence,
                event_type,
                step_id,
                None if payload is None else payload.decode("utf-8"),
                agent_id,
                timestamp,
                checksum(workflow_id, sequence, event_type, step_id, payload, agent_id, timestamp),
            )
        )
        self._workflow_ids.add(workflow_id)
        if payload is not None and len(payload) > LARGE:
            self._large = True
        if event_type in _STATUS_EVENTS:
            self._changed[workflow_id] = state
        if begins(event, state):
            self.begun.add(workflow_id)
        for decision in state.touched:
            self._decisions[decision.id] = decision

    def seal(self) -> None:
        """Nothing is added any more: what the views will say is settled now, for states go on changing."""
        for workflow_id, state in self._changed.items():
            self._views.append((workflow_id, UPSERT_WORKFLOW, workflow_row(state)))
        for decision in self._decisions.values():
            self._views.append((decision.workflow_id, UPSERT_DECISION, decision_row(decision)))

    def has(self, workflow_id: str) -> bool:
        """Whether an event of this workflow is in it."""
        return workflow_id in self._workflow_ids

    def workflows(self) -> list[str]:
        """The workflows it has events of, in their order."""
        return list(dict.fromkeys(row[0] for row in self.rows))

    def remove(self, workflow_ids: Collection[str], error: StoreError) -> None:
        """Let nothing of these workflows be in it any more, because of this."""
        self.lost.update((one, error) for one in workflow_ids if self.has(one))
        self.rows = [row for row in self.rows if row[0] not in workflow_ids]
        self.begun.difference_update(workflow_ids)
        self._workflow_ids.difference_update(workflow_ids)
        self._views = [view for view in self._views if view[0] not in workflow_ids]
        for workflow_id in workflow_ids:
            self._changed.pop(workflow_id, None)
        for decision in list(self._decisions.values()):
            if decision.workflow_id in workflow_ids:
                del self._decisions[decision.id]

    def parts(self) -> list[Group]:
        """What it has of each workflow, as sealed groups of their own."""
        parts = {workflow_id: Group() for workflow_id in self.workflows()}
        for row in self.rows:
            parts[row[0]].rows.append(row)
            parts[row[0]]._large = self._large  # noqa: SLF001 - one of its own kind
        for view in self._views:
            parts[view[0]]._views.append(view)  # noqa: SLF001 - one of its own kind
        return list(parts.values())

    def work(self) -> Callable[[sqlite3.Connection], None]:
        """The transaction that stores it, when it is sealed."""
        rows, views, large = self.rows, self._views, self._large

        def run(connection: sqlite3.Connection) -> None:
            stored, parted = take_apart(connection, rows) if large else (rows, [])
            for position in range(0, len(stored), _BLOCK):
                block = stored[position : position + _BLOCK]
                connection.execute(_INSERTS[len(block)], [value for row in block for value in row])
            if parted:
                name_blobs(connection, parted)
            for _, statement, row in views:
                connection.execute(statement, row)

        return run


def begins(event: Event, state: WorkflowState) -> bool:
    """Whether a workflow begins with this event that no other workflow waits for."""
    return event.sequence == 1 and state.parent is None


_ROW = f"({','.join('?' * _COLUMNS)})"
_INSERTS = [
    f"INSERT INTO events ({EVENT_COLUMN_NAMES}) VALUES {','.join([_ROW] * size)}"
    for size in range(_BLOCK + 1)
]
