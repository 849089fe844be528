"""The database file: opening it safely, its schema, transactions in one hop, reads beside them.

Two connections: one writes (and checkpoints), one only reads. Each has its own thread; a transaction is one function
that runs there from BEGIN to COMMIT, so that no cancelled task can leave one open.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

import aiosqlite

from opcode_core.errors import StoreError

R = TypeVar("R")

BUSY_MILLISECONDS = 5000
"""How long a statement waits for another process's lock."""
APPLICATION_ID = 0x4F50434F
"""What marks a database as ours: `OPCO` in ASCII (https://sqlite.org/pragma.html#pragma_application_id)."""
_CHECKPOINT_PAGES = 4000
_HEADER = b"SQLite format 3\0"


class _WorkConnection(sqlite3.Connection):
    """A connection whose `commit` runs the next piece of work as one transaction.

    aiosqlite runs `commit` on the connection's thread: this makes that one hop a whole transaction, by public means.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.work: deque[Callable[[sqlite3.Connection], None]] = deque()

    def commit(self) -> None:
        self.work.popleft()(self)


class Database:
    """One database file; made by `open_database`."""

    def __init__(
        self,
        path: Path,
        writer: aiosqlite.Connection,
        inner: _WorkConnection,
        reader: aiosqlite.Connection,
    ) -> None:
        self.path = path
        self._writer = writer
        self._inner = inner
        self._reader = reader

    async def transaction(self, work: Callable[[sqlite3.Connection], R]) -> R:
        """Run work as one transaction, whatever becomes of the caller meanwhile.

        Args:
            work: Gets the connection, inside BEGIN IMMEDIATE, on its own thread; what it raises rolls everything back.

        Raises:
            StoreError: The database could not do it.
        """
        return await asyncio.shield(self.commit(work))

    async def commit(self, work: Callable[[sqlite3.Connection], R]) -> R:
        """The same for a caller that nobody cancels: it saves a task."""
        result: list[R] = []

        def run(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result.append(work(connection))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk has rolled back by itself
                    connection.execute("ROLLBACK")
                raise

        self._inner.work.append(run)
        try:
            await self._writer.commit()
        except sqlite3.Error as error:
            raise store_error(error, self.path) from None
        return result[0]

    async def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Read rows, beside the transactions.

        Raises:
            StoreError: The database could not do it.
        """
        try:
            return [tuple(row) for row in await self._reader.execute_fetchall(sql, values)]
        except sqlite3.Error as error:
            raise store_error(error, self.path) from None

    async def close(self) -> None:
        """Close both connections; the database's own files stay as they are meant to be."""
        await self._reader.close()
        await self._writer.close()

    def files(self) -> list[str]:
        """The paths of the database's files, existing or not."""
        return [str(self.path) + suffix for suffix in ("", "-wal", "-shm", "-journal", ".lock")]


async def open_database(path: Path, durability: Literal["full", "normal"]) -> Database:
    """Open or create a database and bring its schema up to date.

    Args:
        path: The file; its folder must exist.
        durability: Whether a commit has reached the disk when it is answered (`full`), or only survives the process.

    Raises:
        StoreError: It cannot be used: no such folder, no database, damaged, newer than this program, read-only.
    """
    await asyncio.to_thread(_prepare_file, path)
    try:
        writer, inner = await _connect(path, _WorkConnection)
    except sqlite3.Error as error:
        raise store_error(error, path) from None
    reader = None
    try:
        await _refuse_strangers(writer, path)
        for pragma in (
            f"busy_timeout={BUSY_MILLISECONDS}",
            f"synchronous={durability}",
            "foreign_keys=on",
        ):
            await writer.execute(f"PRAGMA {pragma}")
        mode = next(iter(await writer.execute_fetchall("PRAGMA journal_mode=wal")))[0]
        if mode != "wal":  # a file system without shared memory
            await writer.execute("PRAGMA synchronous=full")
        await writer.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        database = Database(path, writer, inner, writer)
        await _migrate(database)
        reader, _ = await _connect(path, sqlite3.Connection)
        for pragma in (
            f"busy_timeout={BUSY_MILLISECONDS}",
            "wal_autocheckpoint=0",
            "query_only=on",
        ):
            await reader.execute(f"PRAGMA {pragma}")
        return Database(path, writer, inner, reader)
    except BaseException as error:
        await writer.close()
        if reader is not None:
            await reader.close()
        if isinstance(error, sqlite3.Error):
            raise store_error(error, path) from None
        raise


async def _connect(path: Path, factory: type[Any]) -> tuple[aiosqlite.Connection, Any]:
    made: list[Any] = []

    def make(*args: Any, **options: Any) -> Any:
        connection = factory(*args, **options)
        made.append(connection)
        return connection

    connection = await aiosqlite.connect(path, isolation_level=None, factory=make)
    return connection, made[0]


def _prepare_file(path: Path) -> None:
    """Create the file for its owner alone, or make sure that what is there is a database."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        with path.open(
            "rb"
        ) as file:  # before SQLite has it open in this process, so no lock is lost
            header = file.read(len(_HEADER))
        if header and header != _HEADER:
            raise StoreError(
                f"{path} is no database of ours: it begins with other bytes; it is left as it is",
                {"reason": "damaged"},
            ) from None
    except OSError as error:
        raise StoreError(f"{path} cannot be created: {error.strerror}", {"reason": "io"}) from None


async def _refuse_strangers(connection: aiosqlite.Connection, path: Path) -> None:
    """Refuse the database of another program before anything in it is changed."""
    (owner,) = next(iter(await connection.execute_fetchall("PRAGMA application_id")))
    (tables,) = next(iter(await connection.execute_fetchall("SELECT count(*) FROM sqlite_schema")))
    if owner != APPLICATION_ID and (owner or tables):
        raise StoreError(
            f"{path} is the database of another program and is left as it is: name another file with OPCODE_DB_PATH",
            {"reason": "foreign"},
        )


async def _migrate(database: Database) -> None:
    def run(connection: sqlite3.Connection) -> None:
        folder = resources.files(__package__) / "migrations"
        scripts = sorted(
            (file for file in folder.iterdir() if file.name.endswith(".sql")),
            key=lambda file: file.name,
        )
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(scripts):
            raise StoreError(
                f"{database.path} has schema {version}, and this program knows {len(scripts)}: use a newer opcode",
                {"reason": "newer"},
            )
        for script in scripts[version:]:
            for statement in _statements(script.read_text(encoding="utf-8")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={len(scripts)}")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")

    await database.transaction(run)


def _statements(script: str) -> list[str]:
    """Split a script, so that it can run inside one transaction (`executescript` would commit first)."""
    statements, current = [], ""
    for line in script.splitlines():
        current += line + "\n"
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """What SQLite says, in our words and with a reason that can be acted on."""
    name = getattr(error, "sqlite_errorname", "") or ""
    reasons = {
        "SQLITE_FULL": ("full", "the disk is full"),
        "SQLITE_BUSY": ("busy", "another process holds the database"),
        "SQLITE_LOCKED": ("busy", "another process holds the database"),
        "SQLITE_CORRUPT": ("damaged", "the database is damaged: restore it from a backup"),
        "SQLITE_NOTADB": ("damaged", "the file is no database"),
        "SQLITE_READONLY": ("io", "the database cannot be written"),
    }
    for prefix, (reason, text) in reasons.items():
        if name.startswith(prefix):
            return StoreError(f"{path}: {text}", {"reason": reason})
    return StoreError(f"{path}: {error}", {"reason": "io"})
