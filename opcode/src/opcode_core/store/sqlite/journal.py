"""The event log: taken one by one, stored in groups.

Everything that is ready when a commit can begin goes into it, whatever workflow it belongs to: a commit costs about as
much as ten events. While one is under way the next group collects.
"""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
from collections.abc import Callable

from opcode_core.errors import StoreError
from opcode_core.logs import logger
from opcode_core.model import events
from opcode_core.model.decisions import Decision
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState
from opcode_core.store.sqlite.database import Database
from opcode_core.store.sqlite.views import (
    UPSERT_DECISION,
    UPSERT_WORKFLOW,
    decision_row,
    workflow_row,
)

EventRow = tuple[str, int, str, str | None, str | None, str | None, int]

_STATUS_EVENTS = frozenset(
    {
        *(events.WORKFLOW_STARTED, events.WORKFLOW_SUSPENDED, events.WORKFLOW_RESUMED),
        *(events.WORKFLOW_COMPLETED, events.WORKFLOW_FAILED, events.WORKFLOW_CANCELLED),
    }
)
_COLUMNS = 7
_BLOCK = 64
"""Rows in one statement at most: SQLite runs a statement without Python's lock, so a busy loop cannot hold it up."""


class _Group:
    """Events that will be stored together."""

    __slots__ = ("changed", "decisions", "rows", "waiting")

    def __init__(self) -> None:
        self.rows: list[EventRow] = []
        self.decisions: dict[str, Decision] = {}
        self.changed: dict[str, WorkflowState] = {}
        self.waiting: list[asyncio.Future[None]] = []


class SqliteJournal:
    """Takes events and stores them in groups (`Journal`).

    Args:
        database: Where they go.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group = _Group()
        self._in_flight: _Group | None = None
        self._lost: dict[str, StoreError] = {}
        self._writer: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._called = False

    def append(self, event: Event, payload: bytes | None, state: WorkflowState) -> None:
        """Take an event; it is stored with whatever else is ready when the next commit begins."""
        if event.workflow_id in self._lost:
            return  # an earlier event of it is missing in the log: this one must not follow the gap
        group = self._group
        group.rows.append(
            (
                event.workflow_id,
                event.sequence,
                event.event_type,
                event.step_id,
                None if payload is None else payload.decode("utf-8"),
                event.agent_id,
                event.timestamp,
            )
        )
        if event.event_type in _STATUS_EVENTS:
            group.changed[event.workflow_id] = state
        for decision in state.touched:
            group.decisions[decision.id] = decision
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._wake)

    async def stored(self, workflow_id: str) -> None:
        """Wait until everything taken so far of a workflow is stored.

        Raises:
            StoreError: An event of it could not be stored; what is in the log is what it was before.
        """
        group = self._group if self._group.rows else self._in_flight
        if group is not None:
            waiting = asyncio.get_running_loop().create_future()
            group.waiting.append(waiting)
            self._wake()
            await waiting
        error = self._lost.get(workflow_id)
        if error is not None:
            raise error

    def forget(self, workflow_id: str) -> None:
        """Nobody runs this workflow any more: if events of it were lost, it begins anew from the log."""
        self._lost.pop(workflow_id, None)

    async def close(self) -> None:
        """Store what was taken."""
        while self._group.rows or self._in_flight is not None:
            await self.stored("")
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait((self._writer,))

    def _wake(self) -> None:
        """Let the writer begin, after what is ready to run now has added to the group."""
        if self._idle is not None:
            if self._group.rows:
                self._idle.set_result(None)
                self._idle = None
        elif self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(
                self._write(), name="opcode journal", context=contextvars.Context()
            )

    async def _write(self) -> None:
        """Store group after group, for as long as the journal is open."""
        while True:
            if not self._group.rows:
                self._idle = asyncio.get_running_loop().create_future()
                await self._idle
            group, self._group = self._group, _Group()
            self._in_flight = group
            self._called = True
            try:
                await self._database.commit(_insert(group))
            except Exception as error:  # noqa: BLE001 - whatever it was, these events are not in the log
                self._lose(group, error)
            self._in_flight = None
            self._called = bool(self._group.rows)
            for waiting in group.waiting:
                if not waiting.done():
                    waiting.set_result(None)

    def _lose(self, group: _Group, error: Exception) -> None:
        """Note which workflows lack events in the log, and drop what was meant to follow."""
        if not isinstance(error, StoreError):
            logger.error("events could not be stored", exc_info=error)
            error = StoreError("the events could not be stored", {"reason": "io"})
        for row in group.rows:
            self._lost[row[0]] = error
        waiting = self._group
        waiting.rows = [row for row in waiting.rows if row[0] not in self._lost]
        for workflow_id in self._lost:
            waiting.changed.pop(workflow_id, None)
        waiting.decisions = {
            one: decision
            for one, decision in waiting.decisions.items()
            if decision.workflow_id not in self._lost
        }
        if not waiting.rows:  # no commit will come for who waits for what was dropped
            group.waiting += waiting.waiting
            waiting.waiting = []


def _insert(group: _Group) -> Callable[[sqlite3.Connection], None]:
    rows = group.rows
    changed = [workflow_row(state) for state in group.changed.values()]
    decided = [decision_row(decision) for decision in group.decisions.values()]

    def run(connection: sqlite3.Connection) -> None:
        for position in range(0, len(rows), _BLOCK):
            block = rows[position : position + _BLOCK]
            connection.execute(_INSERTS[len(block)], [value for row in block for value in row])
        for row in changed:
            connection.execute(UPSERT_WORKFLOW, row)
        for row in decided:
            connection.execute(UPSERT_DECISION, row)

    return run


_ROW = f"({','.join('?' * _COLUMNS)})"
_INSERTS = [f"INSERT INTO events VALUES {','.join([_ROW] * size)}" for size in range(_BLOCK + 1)]
