"""Deleting what has ended long ago: whole families of workflows, a few at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from opcode_core.jsonio import compact_json
from opcode_core.store.protocol import Deleted, OldFamilies
from opcode_core.store.sqlite.blobs import blobs_of, drop_unused
from opcode_core.store.sqlite.database import Database

_FINISHED = "('completed', 'failed', 'cancelled')"
_ROOTS = 100
_MOST_ROWS = 5000
_FAMILIES = f"""
WITH RECURSIVE roots AS (
    SELECT workflow_id FROM workflows AS root
    WHERE workflow_id > ? AND status IN {_FINISHED} AND completed_at < ?
    AND NOT EXISTS (SELECT 1 FROM workflows AS parent WHERE parent.workflow_id = root.parent_workflow_id)
    ORDER BY workflow_id LIMIT {_ROOTS}
), family (root, workflow_id, depth, old) AS (
    SELECT workflow_id, workflow_id, 0, 1 FROM roots
    UNION ALL
    SELECT root, child.workflow_id, depth + 1,
        coalesce(child.status IN {_FINISHED} AND child.completed_at < ?, 0)
    FROM family JOIN workflows AS child ON child.parent_workflow_id = family.workflow_id
)
SELECT root, workflow_id, old FROM family ORDER BY root, depth DESC, workflow_id
"""
_DELETE = f"""
DELETE FROM workflows WHERE workflow_id = ? AND status IN {_FINISHED}
AND NOT EXISTS (SELECT 1 FROM workflows AS parent
    WHERE parent.workflow_id = workflows.parent_workflow_id AND parent.status NOT IN {_FINISHED})
"""
_COUNTS = """
SELECT (SELECT count(*) FROM events WHERE workflow_id IN (SELECT value FROM json_each(?))),
    (SELECT count(*) FROM decisions WHERE workflow_id IN (SELECT value FROM json_each(?)))
"""


class SqliteRetention:
    """What of a database is old enough to go.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def old_families(self, before: int, after: str) -> OldFamilies:
        """Some families of workflows of which every one had ended before a time."""
        rows = await self._database.read(_FAMILIES, (after, before, before))
        young = {root for root, _, old in rows if not old}
        return OldFamilies(
            workflow_ids=[workflow_id for root, workflow_id, _ in rows if root not in young],
            last=rows[-1][0] if rows else None,
        )

    async def count(self, workflow_ids: Sequence[str]) -> Deleted:
        """What deleting these workflows would delete."""
        ((events, decisions),) = await self._database.read(
            _COUNTS, [compact_json(list(workflow_ids))] * 2
        )
        return Deleted(len(workflow_ids), events, decisions)

    async def delete(self, workflow_ids: Sequence[str]) -> tuple[int, Deleted]:
        """Delete workflows that have ended, as many of the first as are well deleted at once.

        Returns:
            How many of them are done with, and what was deleted.
        """
        return await self._database.transaction(_deleting(workflow_ids))


def _deleting(
    workflow_ids: Sequence[str],
) -> Callable[[sqlite3.Connection], tuple[int, Deleted]]:
    def run(connection: sqlite3.Connection) -> tuple[int, Deleted]:
        deleted = Deleted()
        for number, workflow_id in enumerate(workflow_ids, 1):
            deleted += _delete(connection, workflow_id)
            if deleted.events >= _MOST_ROWS:
                return number, deleted
        return len(workflow_ids), deleted

    return run


def _delete(connection: sqlite3.Connection, workflow_id: str) -> Deleted:
    def rows(statement: str) -> Any:
        return connection.execute(statement, (workflow_id,)).rowcount

    if not rows(_DELETE):
        return Deleted()
    # a run of a job without its workflow would count as not begun
    rows("DELETE FROM job_runs WHERE workflow_id = ?")
    outputs = blobs_of(connection, workflow_id)
    deleted = Deleted(
        1,
        rows("DELETE FROM events WHERE workflow_id = ?"),
        rows("DELETE FROM decisions WHERE workflow_id = ?"),
    )
    drop_unused(connection, outputs)
    return deleted
