"""Connections to the database file: one that writes and checkpoints, one that only reads, each with its own thread."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiosqlite

from opcode_core.logs import logger

Durability = Literal["full", "normal"]

BUSY_MILLISECONDS = 5000
"""How long a statement waits for another process's lock."""
_CHECKPOINT_PAGES = 4000
_SYNCHRONOUS: dict[Durability, str] = {"full": "full", "normal": "normal"}


class WorkConnection(sqlite3.Connection):
    """A connection whose `commit` runs the next piece of work as one transaction.

    aiosqlite runs `commit` on the connection's thread: this makes that one hop a whole transaction, by public means.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.work: deque[Callable[[sqlite3.Connection], None]] = deque()

    def commit(self) -> None:
        """Run the next piece of work."""
        self.work.popleft()(self)


@dataclass(frozen=True, slots=True)
class Connections:
    """The open connections of one database.

    Attributes:
        writer: Writes and checkpoints.
        work: The connection inside it, which takes whole transactions.
        reader: Only reads.
    """

    writer: aiosqlite.Connection
    work: WorkConnection
    reader: aiosqlite.Connection

    async def close(self) -> None:
        """Close both; the writer last, because whoever closes last checkpoints."""
        try:
            await self.reader.close()
        finally:
            await self.writer.close()

    async def abandon(self) -> None:
        """Close both, whatever that says: the disk has failed them."""
        for connection in (self.reader, self.writer):
            with suppress(sqlite3.Error):
                await connection.close()


async def connect(path: Path, durability: Durability) -> Connections:
    """Open a database.

    Args:
        path: The file.
        durability: Whether a commit has reached the disk when it is answered (`full`), or only survives the process.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    opened: list[aiosqlite.Connection] = []
    try:
        writer, work = await _open(path, WorkConnection)
        opened.append(writer)
        await _set(
            writer, f"busy_timeout={BUSY_MILLISECONDS}", f"synchronous={_SYNCHRONOUS[durability]}"
        )
        await _set(writer, "foreign_keys=on", f"wal_autocheckpoint={_CHECKPOINT_PAGES}")
        mode = next(iter(await writer.execute_fetchall("PRAGMA journal_mode=wal")))[0]
        if mode != "wal":
            await _without_wal(writer, path)
        reader, _ = await _open(path, sqlite3.Connection)
        opened.append(reader)
        await _set(
            reader, f"busy_timeout={BUSY_MILLISECONDS}", "wal_autocheckpoint=0", "query_only=on"
        )
    except BaseException:
        for connection in reversed(opened):
            with suppress(sqlite3.Error):
                await connection.close()
        raise
    return Connections(writer, work, reader)


async def _without_wal(writer: aiosqlite.Connection, path: Path) -> None:
    """The file system shares no memory between processes, as over a network: the old journal, always in full."""
    await _set(writer, "journal_mode=delete", "synchronous=full")
    logger.warning(
        "the file system of the database has no write-ahead log: every commit is slower",
        extra={"data": {"path": str(path)}},
    )


async def _set(connection: aiosqlite.Connection, *pragmas: str) -> None:
    for pragma in pragmas:
        await connection.execute_fetchall(f"PRAGMA {pragma}")


async def _open(path: Path, factory: type[Any]) -> tuple[aiosqlite.Connection, Any]:
    made: list[Any] = []

    def make(*args: Any, **options: Any) -> Any:
        connection = factory(*args, **options)
        made.append(connection)
        return connection

    connection = await aiosqlite.connect(path, isolation_level=None, factory=make)
    return connection, made[0]
