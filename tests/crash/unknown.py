"""A sync that fails in the very act of committing: what is answered, and what is there.

    python -m crash.unknown FOLDER found|dropped        run on the disk of `disk.c`; prints a report as JSON

When the disk works again at once, SQLite has dropped what it could not sync by the time the database is opened anew;
when it works again only then, SQLite finds it in the write-ahead log.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

from crash.failing import Case, FailingDisk
from opcode_core.errors import StoreError
from opcode_core.store.sqlite import database as module
from opcode_core.store.sqlite.connections import Connections, connect
from opcode_core.store.sqlite.database import Database, open_database


async def examine(folder: Path, outcome: str) -> dict[str, Any]:
    """Let the sync of the second of three transactions fail."""
    disk, hits = FailingDisk(), 0

    async def works_when_opened_anew(*arguments: Any) -> Connections:
        nonlocal hits
        hits = disk.work()
        return await connect(*arguments)

    database = await open_database(folder / "x.db", "full")
    vars(module)["connect"] = works_when_opened_anew  # this process is for this only
    answers = [await _store(database, "first")]
    disk.fail(Case("sync", "io", 1, forever=outcome == "found"))
    answers.append(await _store(database, "second"))
    rows = await database.read("SELECT count(*) FROM facts WHERE value = 'mine'")
    answers.append(await _store(database, "third"))
    await database.close()
    return {"hits": hits, "answer": answers[1], "then": answers[2], "rows_after": rows[0][0]}


async def _store(database: Database, name: str) -> str:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO facts VALUES (?, 'mine')", (name,))

    try:
        await database.transaction(work)
    except StoreError as error:
        return error.code
    return "stored"


if __name__ == "__main__":
    json.dump(asyncio.run(examine(Path(sys.argv[1]), sys.argv[2])), sys.stdout)
