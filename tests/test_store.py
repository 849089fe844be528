"""The database file: who may use it, what it refuses, and that a transaction is whole."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from opcode_core.errors import StoreError
from opcode_core.store.sqlite.database import open_database
from opcode_core.store.sqlite.store import open_store

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_its_files_are_the_owners_alone(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "x.db", "full")
    modes = await asyncio.to_thread(
        lambda: {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    )
    assert modes.keys() >= {"x.db", "x.db.lock"}
    assert set(modes.values()) == {0o600}
    await store.close()


async def test_it_opens_again_and_is_brought_up_to_date_once(tmp_path: Path) -> None:
    for _ in range(2):
        store = await open_store(tmp_path / "x.db", "normal")
        assert await store.list_unfinished() == []
        await store.close()


async def test_two_cannot_use_it_at_once(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "x.db", "normal")
    with pytest.raises(StoreError) as caught:
        await open_store(tmp_path / "x.db", "normal")
    assert caught.value.details == {"reason": "busy"}
    await store.close()


@pytest.mark.parametrize(
    "content", [b"hello, this is no database", b"SQLite format 2\0" + b"x" * 100]
)
async def test_a_file_of_somebody_else_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        await open_store(path, "normal")
    assert caught.value.details == {"reason": "damaged"}
    assert path.read_bytes() == content


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("PRAGMA user_version=99")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError) as caught:
        await open_store(tmp_path / "x.db", "normal")
    assert caught.value.details == {"reason": "newer"}


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        await open_store(tmp_path / "no" / "x.db", "normal")


async def test_a_transaction_is_whole_or_not_at_all(tmp_path: Path) -> None:
    database = await open_database(tmp_path / "x.db", "normal")

    def half(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO events VALUES ('w', 1, 'x', NULL, NULL, NULL, 1, NULL, NULL)"
        )
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        await database.transaction(half)
    assert await database.read("SELECT * FROM events") == []
    await database.close()


async def test_callers_that_are_cancelled_leave_no_transaction_open(tmp_path: Path) -> None:
    database = await open_database(tmp_path / "x.db", "normal")

    def insert(number: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO events VALUES ('w', ?, 'x', NULL, NULL, NULL, 1, NULL, NULL)",
                (number,),
            )

        task = asyncio.ensure_future(database.transaction(work))
        asyncio.get_running_loop().call_soon(task.cancel)

    for number in range(200):
        insert(number)
        await asyncio.sleep(0)
    assert await database.transaction(lambda connection: connection.in_transaction)
    found = await database.read("SELECT count(*) FROM events")
    assert 0 < found[0][0] <= 200
    await database.close()
