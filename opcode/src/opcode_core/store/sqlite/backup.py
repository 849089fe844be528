"""A copy of a database while an engine writes to it, made by another process than that engine."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from opcode_core.errors import ConflictError, NotFoundError, StoreError
from opcode_core.store.sqlite.condition import read_only
from opcode_core.store.sqlite.faults import store_error

_TABLES = ("workflows", "events", "templates", "jobs")


def back_up(database: Path, target: Path) -> dict[str, Any]:
    """Copy a database as it is at one moment, all of it, and make sure that the copy is sound and on the disk.

    No process may call this that has the database open: closing it would drop that process's locks.

    Args:
        database: The database.
        target: Where the copy goes; nothing may be there, and nothing is if this fails.

    Returns:
        `{file, bytes, workflows, events, templates, jobs}`: the copy, and how many rows it has of each.

    Raises:
        NotFoundError: There is no database.
        ConflictError: Something is at the target already.
        StoreError: It cannot be done, or the database is damaged.
    """
    if not database.is_file():
        raise NotFoundError(f"there is no database at {database}: name it with OPCODE_DB_PATH")
    if os.path.lexists(target):
        raise ConflictError(f"{target} is there already and stays as it is: name another file")
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"{target} cannot be made: {error.strerror}", {"reason": "io"}) from None
    try:
        counts = _copy(database, partial)
        size = _put(partial, target)
    except sqlite3.Error as error:
        raise store_error(error, database) from None
    except FileExistsError:
        raise ConflictError(f"{target} is there already and stays as it is") from None
    except OSError as error:
        raise StoreError(
            f"{target} cannot be written: {error.strerror}", {"reason": "io"}
        ) from None
    finally:
        for rest in ("", "-wal", "-shm", "-journal"):
            Path(f"{partial}{rest}").unlink(missing_ok=True)
    return {"file": str(target), "bytes": size, **counts}


def _copy(database: Path, partial: Path) -> dict[str, int]:
    with (
        contextlib.closing(read_only(database)) as source,
        contextlib.closing(sqlite3.connect(partial)) as copy,
    ):
        source.backup(copy)  # one read transaction: a moment's state, and nobody waits for it
        copy.execute("PRAGMA journal_mode=delete")  # one file, nothing beside it
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StoreError(
                f"{database} is damaged ({verdict}): no copy was made", {"reason": "damaged"}
            )
        return {
            table: copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _TABLES
        }


def _put(partial: Path, target: Path) -> int:
    """Give the copy its name, unless something has it, when all of it is on the disk; give its size."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    target.hardlink_to(partial)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return size
