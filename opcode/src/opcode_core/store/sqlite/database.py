"""The database: transactions in one hop, reads beside them, and what to do when the disk fails in a commit.

A transaction is one function that runs on the writer's thread from BEGIN to COMMIT, so that no cancelled task can
leave one open. Each counts itself, in the same transaction: when the disk fails in the very act of committing, the
count tells, once everything was opened and read anew, whether it is stored.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from opcode_core import crashpoints
from opcode_core.errors import StoreError
from opcode_core.logs import logger
from opcode_core.store.sqlite.condition import prepare, settle_journal
from opcode_core.store.sqlite.connections import Connections, Durability, connect
from opcode_core.store.sqlite.faults import store_error, unknown_outcome
from opcode_core.store.sqlite.mark import LockFile
from opcode_core.store.sqlite.schema import migrate

R = TypeVar("R")
Work = Callable[[sqlite3.Connection], R]

_COUNT = "UPDATE facts SET value = ? WHERE name = 'transactions'"


class Database:
    """One database file; made by `open_database`.

    Args:
        path: The file.
        durability: How commits are made.
        connections: It, opened.
        lock: The file beside it, which remembers how far it has come; None for one that is not remembered.
    """

    def __init__(
        self, path: Path, durability: Durability, connections: Connections, lock: LockFile | None
    ) -> None:
        self.path = path
        self._durability = durability
        self._connections = connections
        self._lock = lock
        self._instance = ""
        self._count = 0
        self._halted = False
        self._doubt: _Doubt | None = None
        self._mending = asyncio.Lock()

    async def transaction(self, work: Work[R]) -> R:
        """Run work as one transaction, whatever becomes of the caller meanwhile.

        Args:
            work: Gets the connection, inside BEGIN IMMEDIATE, on its own thread; what it raises rolls everything back.

        Raises:
            StoreError: The database could not do it; with `outcome: unknown` in its details, whether it did is not
                known yet.
        """
        return await asyncio.shield(self.commit(work))

    async def commit(self, work: Work[R]) -> R:
        """The same for a caller that nobody cancels: it saves a task.

        Work whose outcome was unknown may be given again: it is done once.
        """
        tried = False
        while True:
            doubt = self._doubt
            if doubt is not None:
                await self._prove(doubt, work)
                if doubt.work is work:
                    self._doubt = None
                    if doubt.stored:
                        return doubt.result[0]  # type: ignore[no-any-return] # what this work gave
                    if tried:
                        raise StoreError(
                            f"{self.path}: the disk reports an error", {"reason": "io"}
                        )
            tried = True
            result: list[R] = []
            self._connections.work.work.append(functools.partial(self._run, work, result))
            try:
                await self._connections.writer.commit()
            except _HaltedError:
                continue
            except sqlite3.Error as error:
                raise store_error(error, self.path) from None
            return result[0]

    def _run(self, work: Work[R], result: list[R], connection: sqlite3.Connection) -> None:
        """One transaction, on the writer's thread."""
        if self._halted:
            raise _HaltedError
        crashpoints.point("transaction begins")
        connection.execute("BEGIN IMMEDIATE")
        committing = False
        try:
            result.append(work(connection))
            connection.execute(_COUNT, (self._count + 1,))
            crashpoints.point("transaction open")
            committing = True
            connection.execute("COMMIT")
        except BaseException as error:
            if committing and isinstance(error, sqlite3.Error) and _is_disk(error):
                self._halted = True
                self._doubt = _Doubt(work, result, self._count)
                raise _HaltedError from None
            if connection.in_transaction:  # a full disk has rolled back by itself
                connection.execute("ROLLBACK")
            raise
        self._count += 1
        crashpoints.point("transaction committed")
        if self._lock is not None:
            self._lock.write(self._instance, self._durability, self._count)

    async def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Read rows, beside the transactions.

        Raises:
            StoreError: The database could not do it.
        """
        if self._halted:
            async with self._mending:
                await self._mend()
        try:
            rows = await self._connections.reader.execute_fetchall(sql, values)
        except sqlite3.Error as error:
            raise store_error(error, self.path) from None
        return [tuple(row) for row in rows]

    async def begin(self) -> None:
        """Bring the schema up to date, and know how far the database has come.

        Raises:
            StoreError: It cannot be done.
        """
        self._connections.work.work.append(_migrated)
        try:
            await self._connections.writer.commit()
        except sqlite3.Error as error:
            raise store_error(error, self.path) from None
        await self._know()

    async def close(self) -> None:
        """Close both connections; the database's own files stay as they are meant to be."""
        if self._halted or (self._doubt is not None and self._doubt.stored is None):
            await self._connections.abandon()
        else:
            await self._connections.close()

    def files(self) -> list[str]:
        """The paths of the database's files, existing or not."""
        return [
            str(self.path) + suffix for suffix in ("", "-wal", "-shm", "-journal", ".lock", ".sock")
        ]

    async def _know(self) -> None:
        rows = await self._connections.writer.execute_fetchall("SELECT name, value FROM facts")
        known = {name: value for name, value in rows}  # noqa: C416 - of rows, not of pairs
        self._instance, self._count = str(known["instance"]), int(known["transactions"])

    async def _mend(self) -> None:
        """Open everything anew after the disk has failed; nothing was written since."""
        if not self._halted:
            return
        await self._connections.abandon()
        try:
            await asyncio.to_thread(settle_journal, self.path)  # as at any other start
            self._connections = await connect(self.path, self._durability)
        except sqlite3.Error as error:
            raise store_error(error, self.path) from None
        self._halted = False
        logger.warning(
            "the disk failed, and the database was opened anew",
            extra={"data": {"path": str(self.path)}},
        )

    async def _prove(self, doubt: _Doubt, work: Work[Any]) -> None:
        """Find out whether the transaction in which the disk failed is stored; nothing is written before.

        Raises:
            StoreError: The disk still fails.
        """
        async with self._mending:
            if doubt.stored is not None:
                return
            try:
                await self._mend()
                await self._on_disk()
                await self._know()
            except (sqlite3.Error, StoreError) as error:
                if doubt.work is work:
                    raise unknown_outcome(self.path) from None
                raise (
                    store_error(error, self.path) if isinstance(error, sqlite3.Error) else error
                ) from None
            doubt.stored = self._count > doubt.before

    async def _on_disk(self) -> None:
        """Let what is read be what is on the disk: a failed fsync says nothing of what it left in memory."""
        checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
        (row,) = await self._connections.writer.execute_fetchall(checkpoint)
        if row[0]:
            raise StoreError(f"{self.path}: another process holds the database", {"reason": "busy"})


class _HaltedError(Exception):
    """The disk has failed in a commit: the writer does nothing before that is looked into."""


class _Doubt:
    """A transaction in whose commit the disk has failed.

    Args:
        work: What it did.
        result: What that gave.
        before: How many transactions there were.
    """

    def __init__(self, work: Work[Any], result: list[Any], before: int) -> None:
        self.work = work
        self.result = result
        self.before = before
        self.stored: bool | None = None


def _is_disk(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorname", "") or "").startswith("SQLITE_IOERR")


def _migrated(connection: sqlite3.Connection) -> None:
    crashpoints.point("migration begins")
    connection.execute("BEGIN IMMEDIATE")
    try:
        migrate(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    crashpoints.point("migrated")


async def open_database(
    path: Path, durability: Durability, lock: LockFile | None = None
) -> Database:
    """Open or create a database and bring its schema up to date.

    Args:
        path: The file; its folder must exist.
        durability: Whether a commit has reached the disk when it is answered (`full`), or only survives the process.
        lock: The file beside it, held by the caller; it then remembers how far the database has come.

    Raises:
        StoreError: It cannot be used: no folder, no database, damaged, emptied, newer than this program, read-only.
    """
    mark = None if lock is None else lock.read()
    await asyncio.to_thread(prepare, path, mark)
    try:
        connections = await connect(path, durability)
    except sqlite3.Error as error:
        raise store_error(error, path) from None
    database = Database(path, durability, connections, lock)
    try:
        await database.begin()
    except BaseException:
        await connections.abandon()
        raise
    return database
