"""Whether a file may be used: looked at before anything in it is changed, so that what is refused stays as it is."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from opcode_core.errors import StoreError
from opcode_core.logs import logger
from opcode_core.store.sqlite.connections import BUSY_MILLISECONDS
from opcode_core.store.sqlite.faults import store_error
from opcode_core.store.sqlite.mark import Mark
from opcode_core.store.sqlite.schema import APPLICATION_ID, scripts

CHECKED_BYTES = 64 << 20
"""Up to this size a database is looked through at every start."""
_HEADER = b"SQLite format 3\0"
_HEADER_BYTES = 100
_WITH_LOG = b"\2\2"
_RESTORE = "it is left as it is: restore it from a backup, or name another file with OPCODE_DB_PATH"


def prepare(path: Path, mark: Mark | None) -> None:
    """Create a database's file for its owner alone, or make sure that the one that is there may be used.

    Args:
        path: The file; its folder must exist. Nobody in this process may have it open: closing it again would
            drop SQLite's locks.
        mark: What the file beside it remembers.

    Raises:
        StoreError: It is no database, one of another program, damaged, emptied, newer than this program, or lacks
            what was stored in it.
    """
    if _has_history(path, mark):
        try:
            settle_journal(path)
            with closing(read_only(path)) as connection:
                _look(connection, path, mark)
        except sqlite3.Error as error:
            raise store_error(error, path) from None
    else:
        _create(path)


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing in the file, not even when it is the last to close it.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
    connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    return connection


def _has_history(path: Path, mark: Mark | None) -> bool:
    """Whether there is a file with something in it; one that was emptied or taken away is refused."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        size = -1
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}", {"reason": "io"}) from None
    if size > 0:
        return True
    found = "is gone" if size < 0 else "is empty"
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"{path} {found}, and {log.name} beside it has history of it: {_RESTORE}",
            {"reason": "damaged"},
        )
    if mark is not None and mark.transactions:
        raise StoreError(
            f"{path} {found}, and {path.name}.lock remembers {mark.transactions} transactions: restore it from a "
            f"backup; to begin anew on purpose, delete {path.name}.lock too",
            {"reason": "damaged"},
        )
    return False


def _create(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"{path} cannot be created: {error.strerror}", {"reason": "io"}) from None


def _refuse_other_files(path: Path) -> bytes:
    """Refuse what is no database; give its header."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}", {"reason": "io"}) from None
    if not header.startswith(_HEADER):
        raise StoreError(
            f"{path} is no database of ours: it begins with other bytes; {_RESTORE}",
            {"reason": "damaged"},
        )
    return header


def settle_journal(path: Path) -> None:
    """Let a journal be played back where it belongs to the database, and refuse one that does not.

    SQLite plays back whatever it finds in `<db>-journal`, but a database with a write-ahead log has none, except while
    its very first page is made: such a journal was put there. Without that log, as on some file systems, a crash
    leaves one, and SQLite does not open the database read-only until it was played back.

    Raises:
        StoreError: There is one that does not, or the file is no database.
        sqlite3.Error: It cannot be played back.
    """
    header = _refuse_other_files(path)
    journal = path.with_name(path.name + "-journal")
    if not _size(journal):
        return
    page = int.from_bytes(header[16:18], "big")
    just_made = _size(path) <= page and not _size(path.with_name(path.name + "-wal"))
    if header[18:20] == _WITH_LOG and not just_made:
        raise StoreError(
            f"{journal} does not belong to {path.name}, and would change what is in it: see who put it there, and "
            "move it away",
            {"reason": "damaged"},
        )
    if not just_made and header[68:72] != APPLICATION_ID.to_bytes(4, "big"):
        return  # another program's, which is refused as it is
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()


def _size(path: Path) -> int:
    """How large a file is; 0 for none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _look(connection: sqlite3.Connection, path: Path, mark: Mark | None) -> None:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if owner != APPLICATION_ID and (owner or tables):
        raise StoreError(
            f"{path} is the database of another program and is left as it is: name another file with OPCODE_DB_PATH",
            {"reason": "foreign"},
        )
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(scripts()):
        raise StoreError(
            f"{path} has schema {version}, and this program knows {len(scripts())}: use a newer opcode",
            {"reason": "newer"},
        )
    if path.stat().st_size <= CHECKED_BYTES:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StoreError(f"{path} is damaged; {_RESTORE}", {"reason": "damaged"})
    if mark is not None:
        _compare(connection, path, mark)


def _compare(connection: sqlite3.Connection, path: Path, mark: Mark) -> None:
    """Refuse a database that has less history than it had: steps would run again that have run."""
    instance, transactions = facts(connection)
    if instance != mark.instance or transactions >= mark.transactions:
        return
    missing = mark.transactions - transactions
    if mark.durability == "normal":  # what a power cut may take then
        logger.warning(
            "the database lacks its last transactions, as after a power cut",
            extra={"data": {"path": str(path), "missing": missing}},
        )
        return
    raise StoreError(
        f"{path} lacks the last {missing} of {mark.transactions} transactions: if {path.name}-wal was taken away, "
        f"put it back; to go on without them, as with a backup restored on purpose, delete {path.name}.lock",
        {"reason": "damaged", "missing": missing},
    )


def facts(connection: sqlite3.Connection) -> tuple[str, int]:
    """Which database it is and how many transactions it has had; `("", 0)` before it has had any."""
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'facts'").fetchone()
    if known is None:
        return "", 0
    found = dict(connection.execute("SELECT name, value FROM facts").fetchall())
    return str(found["instance"]), int(found["transactions"])
