"""Everything that can be wrong with a database, for who asks how it is: reads all of it and changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from opcode_core.errors import StoreError
from opcode_core.store.sqlite.condition import facts, read_only
from opcode_core.store.sqlite.faults import store_error
from opcode_core.store.sqlite.mark import read_mark
from opcode_core.store.sqlite.schema import APPLICATION_ID, scripts
from opcode_core.store.sqlite.views import EVENT_COLUMNS, WORKFLOW_COLUMNS, fold, workflow_row

_MOST = 100
"""How many findings are told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a database.

    Attributes:
        kind: `no database`, `foreign`, `newer`, `damaged`, `missing transactions`, `damaged event` or `stale view`.
        message: What was found and what to do.
        workflow_id: The workflow it concerns; None for the whole database.
    """

    kind: str
    message: str
    workflow_id: str | None = None


def check_integrity(path: Path) -> list[Finding]:
    """Look through a database; an engine may be using it meanwhile.

    No process may call this that has the database open: closing it would drop that process's locks. It takes about a
    second for a hundred thousand events.

    Args:
        path: The file.

    Returns:
        What is wrong, at most a hundred things; nothing when all is well.
    """
    if not path.is_file() or not path.stat().st_size:
        return [Finding("no database", f"{path} is {'empty' if path.is_file() else 'not there'}")]
    try:
        with closing(read_only(path)) as connection:
            connection.execute("BEGIN")
            found = _look(connection, path)
            return [one for one, _ in zip(found, range(_MOST), strict=False)]
    except sqlite3.Error as error:
        return [Finding("damaged", store_error(error, path).message)]


def _look(connection: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if owner != APPLICATION_ID:
        yield Finding("foreign", f"{path} is the database of another program")
        return
    if version > len(scripts()):
        message = f"it has schema {version}, and this program knows {len(scripts())}"
        yield Finding("newer", f"{message}: use a newer opcode")
        return
    damage = [row[0] for row in connection.execute(f"PRAGMA integrity_check({_MOST})")]
    if damage != ["ok"]:
        yield from (Finding("damaged", f"{one}: restore it from a backup") for one in damage)
        return
    yield from _missing(connection, path)
    if version == len(
        scripts()
    ):  # an older one is brought up to date at the next start, and can be looked at then
        yield from _events(connection)


def _missing(connection: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    mark = read_mark(path.with_name(path.name + ".lock"))
    instance, transactions = facts(connection)
    if mark is not None and mark.instance == instance and mark.transactions > transactions:
        missing = mark.transactions - transactions
        message = f"it lacks the last {missing} of {mark.transactions} transactions"
        yield Finding("missing transactions", message)


def _events(connection: sqlite3.Connection) -> Iterator[Finding]:
    listed = {
        row[0]: row
        for row in connection.execute(f"SELECT {', '.join(WORKFLOW_COLUMNS)} FROM workflows")
    }
    rows = connection.execute(f"SELECT {EVENT_COLUMNS} FROM events ORDER BY workflow_id, sequence")
    for workflow_id, group in groupby(rows, key=itemgetter(0)):
        yield from _workflow(workflow_id, group, listed.pop(workflow_id, None))
    for workflow_id in listed:
        yield Finding("stale view", "it is listed, and the log has nothing of it", workflow_id)


def _workflow(
    workflow_id: str, rows: Iterable[tuple[Any, ...]], listed: tuple[Any, ...] | None
) -> Iterator[Finding]:
    try:
        expected = workflow_row(fold(workflow_id, rows))
    except (StoreError, ValueError, KeyError, TypeError) as error:
        said = error.message if isinstance(error, StoreError) else "its events do not fit together"
        yield Finding("damaged event", said, workflow_id)
        return
    if expected != listed:
        message = "what is listed of it is not what its events say"
        yield Finding("stale view", message, workflow_id)
