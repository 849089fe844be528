"""A rollback journal beside the database: played back where a crash left it, refused where somebody put it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from opcode_core.errors import StoreError
from opcode_core.store.sqlite.condition import facts
from opcode_core.store.sqlite.store import open_store

pytestmark = pytest.mark.anyio
DIES = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode=delete")
connection.execute("PRAGMA cache_size=1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE facts SET value = 99 WHERE name = 'transactions'")
connection.execute("CREATE TABLE forged (text)")
for number in range(200):
    connection.execute("INSERT INTO forged VALUES (hex(randomblob(2000)))")
os._exit(9)
"""
"""Dies in a transaction of which a part is in the file already."""
BEGINNING = bytes.fromhex("d9d505f920a163d7" + "00" * 12 + "00000200" + "00001000").ljust(
    512, b"\0"
)
"""The journal of a database that had no page before."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A database that was closed."""
    made = tmp_path / "x.db"
    await (await open_store(made, "full")).close()
    return made


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def die_inside(path: Path) -> None:
    """Let a process without a write-ahead log die in a transaction."""
    done = subprocess.run([sys.executable, "-c", DIES, path], check=False)
    assert done.returncode == 9
    assert beside(path, "-journal").stat().st_size


def transactions(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return facts(connection)[1]


async def test_one_that_was_put_there_is_refused_and_nothing_is_changed(path: Path) -> None:
    other = path.with_name("other.db")
    shutil.copy(path, other)
    die_inside(other)
    shutil.copy(beside(other, "-journal"), beside(path, "-journal"))
    before = {one.name: one.read_bytes() for one in path.parent.glob("x.db*")}
    with pytest.raises(StoreError, match=r"x\.db-journal does not belong to x\.db") as caught:
        await open_store(path, "full")
    assert caught.value.details == {"reason": "damaged"}
    assert {one.name: one.read_bytes() for one in path.parent.glob("x.db*")} == before
    beside(path, "-journal").unlink()
    await (await open_store(path, "full")).close()


async def test_one_is_refused_also_when_the_database_is_opened_anew_after_the_disk_has_failed(
    path: Path,
) -> None:
    other = path.with_name("other.db")
    shutil.copy(path, other)
    die_inside(other)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE facts SET value = 5 WHERE name = 'transactions'")
        connection.commit()
    store = await open_store(path, "full")
    database = store._database
    try:
        database._halted = True
        shutil.copy(beside(other, "-journal"), beside(path, "-journal"))
        with pytest.raises(StoreError, match="does not belong"):
            await database.read("SELECT 1")
        beside(path, "-journal").unlink()
        assert await database.read("SELECT 1") == [(1,)]
    finally:
        await store.close()
    assert transactions(path) == 5


async def test_sqlite_would_have_played_it_back(path: Path) -> None:
    """What the refusal is for: if this fails, it is not needed any more."""
    other = path.with_name("other.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE facts SET value = 77 WHERE name = 'transactions'")
        connection.commit()
    shutil.copy(path, other)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE facts SET value = 5 WHERE name = 'transactions'")
        connection.commit()
    die_inside(other)
    shutil.copy(beside(other, "-journal"), beside(path, "-journal"))
    assert transactions(path) == 77


async def test_one_beside_a_database_that_was_killed_young_is_refused_too(path: Path) -> None:
    other = path.with_name("other.db")
    shutil.copy(path, other)
    die_inside(other)
    young = path.with_name("young.db")
    with closing(sqlite3.connect(young, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
        page = young.read_bytes()
        connection.execute("CREATE TABLE t (x)")
        log = beside(young, "-wal").read_bytes()
    young.write_bytes(page)
    beside(young, "-wal").write_bytes(log)
    shutil.copy(beside(other, "-journal"), beside(young, "-journal"))
    with pytest.raises(StoreError, match="does not belong"):
        await open_store(young, "full")
    assert young.read_bytes() == page


async def test_one_that_a_crash_left_without_a_log_is_played_back(path: Path) -> None:
    before = transactions(path)
    die_inside(path)
    with pytest.raises(sqlite3.OperationalError), closing(read_only(path)) as connection:
        facts(connection)
    await (await open_store(path, "full")).close()
    assert transactions(path) >= before
    assert transactions(path) != 99
    with closing(sqlite3.connect(path)) as connection:
        assert not connection.execute(
            "SELECT 1 FROM sqlite_schema WHERE name = 'forged'"
        ).fetchone()
    assert not beside(path, "-journal").exists()


def read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


async def test_one_that_a_crash_left_at_the_very_beginning_is_played_back(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
    assert path.stat().st_size == 4096
    beside(path, "-journal").write_bytes(BEGINNING)
    await (await open_store(path, "full")).close()
    assert transactions(path) >= 0
    assert not beside(path, "-journal").exists()


async def test_another_programs_database_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE facts (name, value)")
        connection.execute("INSERT INTO facts VALUES ('transactions', 1)")
        connection.commit()
    die_inside(path)
    before = {one.name: one.read_bytes() for one in tmp_path.glob("theirs.db*")}
    with pytest.raises(StoreError):
        await open_store(path, "full")
    after = {one.name: one.read_bytes() for one in tmp_path.glob("theirs.db*")}
    assert {**after, "theirs.db.lock": b""} == {**before, "theirs.db.lock": b""}
