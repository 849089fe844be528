"""The store on SQLite, put together (`Store`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from opcode_core import crashpoints
from opcode_core.model.definition import TemplateVersion
from opcode_core.model.state import WorkflowState
from opcode_core.store.protocol import NewTemplate, Page, UnfinishedWorkflow
from opcode_core.store.sqlite import listings, templates
from opcode_core.store.sqlite.archive import SqliteArchive
from opcode_core.store.sqlite.database import Database, open_database
from opcode_core.store.sqlite.jobs import SqliteJobs
from opcode_core.store.sqlite.journal import SqliteJournal
from opcode_core.store.sqlite.mark import LockFile, take_lock
from opcode_core.store.sqlite.retention import SqliteRetention
from opcode_core.store.sqlite.views import EVENT_COLUMNS, fold


class SqliteStore:
    """The store on SQLite; made by `open_store`."""

    def __init__(self, database: Database, lock: LockFile) -> None:
        self._database = database
        self._lock = lock
        self.journal = SqliteJournal(database)
        self.jobs = SqliteJobs(database)
        self.old = SqliteRetention(database)
        self.archive = SqliteArchive(database)

    async def add_template(self, template: NewTemplate) -> str:
        """Store a new version; give its name."""
        return await self._database.transaction(templates.adding(template))

    async def template(self, name: str, version: str | None) -> TemplateVersion | None:
        """A version of a template, the latest by default; None when there is none."""
        statement = templates.finding(name, version)
        rows = await self._database.read(*statement) if statement else []
        return templates.read_template(rows[0]) if rows else None

    async def state_of(self, workflow_id: str) -> WorkflowState | None:
        """A workflow, folded from its events; None when there is none."""
        rows = await self._database.read(
            f"SELECT {EVENT_COLUMNS} FROM events WHERE workflow_id = ? ORDER BY sequence",
            [workflow_id],
        )
        return fold(workflow_id, rows) if rows else None

    async def find_by_key(self, agent_id: str, idempotency_key: str) -> str | None:
        """The workflow an agent started with this key; None when there is none."""
        rows = await self._database.read(
            "SELECT workflow_id FROM workflows WHERE agent_id = ? AND idempotency_key = ?",
            [agent_id, idempotency_key],
        )
        return str(rows[0][0]) if rows else None

    async def list_workflows(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Workflows, newest first."""
        return await self._list(listings.WORKFLOWS, filters, limit, cursor)

    async def list_events(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Events, oldest first."""
        return await self._list(listings.EVENTS, filters, limit, cursor)

    async def list_templates(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Template versions, newest first."""
        return await self._list(listings.TEMPLATES, filters, limit, cursor)

    async def list_decisions(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Decisions, newest first."""
        return await self._list(listings.DECISIONS, filters, limit, cursor)

    async def _list(
        self, listing: listings.Listing, filters: dict[str, Any], limit: int, cursor: str | None
    ) -> Page:
        counting = listing.counting(filters)
        counts = (await self._database.read(*counting))[0] if counting else ()
        statement = listing.statement(filters, limit, cursor, counts)
        return listing.page(await self._database.read(*statement), limit)

    async def list_unfinished(self) -> list[UnfinishedWorkflow]:
        """The workflows that have not ended, as the log has it."""
        rows = await self._database.read(
            "SELECT workflow_id, status, wakes_at, EXISTS (SELECT 1 FROM workflows AS child WHERE "
            "child.parent_workflow_id = workflows.workflow_id AND child.status NOT IN ('active', 'suspended')), "
            "EXISTS (SELECT 1 FROM workflows AS parent WHERE parent.workflow_id = workflows.parent_workflow_id "
            "AND parent.status IN ('completed', 'cancelled') AND NOT EXISTS (SELECT 1 FROM events WHERE "
            "events.workflow_id = workflows.workflow_id AND event_type = 'signal_received' "
            "AND timestamp > parent.completed_at)) "
            "FROM workflows WHERE status IN ('active', 'suspended')"
        )
        return [
            UnfinishedWorkflow(workflow_id, status, wakes_at, bool(child_ended), bool(orphaned))
            for workflow_id, status, wakes_at, child_ended, orphaned in rows
        ]

    async def close(self) -> None:
        """Store what was taken, close, and let another process have the database."""
        try:
            crashpoints.point("store closes")
            await self.journal.close()
        finally:
            await self._database.close()
            crashpoints.point("store closed")
            self._lock.close()

    def files(self) -> Sequence[str]:
        """The paths of the database's own files, existing or not."""
        return self._database.files()


async def open_store(
    path: Path, durability: Literal["full", "normal"], lock: int | None = None
) -> SqliteStore:
    """Open or create a database and become its only user.

    Args:
        path: The file, from the root.
        durability: `full` or `normal`.
        lock: The descriptor of its lock, if this process holds it already; the store lets it go at the end.

    Raises:
        StoreError: It cannot be used, or another process uses it.
    """
    beside = path.with_name(path.name + ".lock")
    held = take_lock(beside) if lock is None else LockFile(beside, lock)
    try:
        return SqliteStore(await open_database(path, durability, held), held)
    except BaseException:
        held.close()
        raise
