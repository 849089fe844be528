"""A backup while an engine writes: of one moment, sound, whole, in one file, never over something else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from opcode_core.errors import ConflictError, NotFoundError, OpcodeError, StoreError
from opcode_core.store.sqlite import backup as module
from opcode_core.store.sqlite.backup import back_up
from opcode_core.store.sqlite.store import open_store

WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=wal")
db.execute("PRAGMA synchronous=off")
print("ready", flush=True)
n = 0
while True:
    n += 1
    db.execute("BEGIN IMMEDIATE")
    for sequence in range(1, 4):
        db.execute("INSERT INTO events (workflow_id, sequence, event_type, payload, timestamp) "
                   "VALUES (?, ?, 'x', ?, 0)",
                   (f"w{n}", sequence, '"' + "x" * 2000 + '"'))
    db.execute("COMMIT")
    if n == 100:
        print("many", flush=True)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    asyncio.run(opened(tmp_path / "x.db"))
    return tmp_path / "x.db"


async def opened(path: Path) -> None:
    """Open a database, made if there is none, and close it."""
    store = await open_store(path, "normal")
    assert await store.list_unfinished() == []
    await store.close()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("x.db"))


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.execute(sql))


def test_while_another_process_writes(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(database)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert [writer.stdout.readline() for _ in range(2)] == ["ready\n", "many\n"]
        told = back_up(database, target)
        assert writer.poll() is None  # it goes on
    finally:
        writer.kill()
        writer.wait()
        if writer.stdout is not None:
            writer.stdout.close()
    assert told["events"] >= 300
    assert (told["file"], told["bytes"]) == (str(target), target.stat().st_size)
    whole = rows(target, "SELECT workflow_id, count(*) FROM events GROUP BY workflow_id")
    assert len(whole) * 3 == told["events"]
    assert {count for _, count in whole} == {3}  # no half of a transaction
    assert target.stat().st_mode & 0o777 == 0o600
    assert left(tmp_path) == ["copy.db"]
    asyncio.run(opened(target))  # and it is a database like any other


def test_of_one_that_nobody_uses(database: Path, tmp_path: Path) -> None:
    told = back_up(database, tmp_path / "copy.db")
    counts = ("workflows", "events", "templates", "jobs")
    assert {name: told[name] for name in counts} == dict.fromkeys(counts, 0)
    asyncio.run(opened(tmp_path / "copy.db"))


def test_what_is_there_stays(database: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = left(tmp_path)
    for target in ("file", "folder", "link", "x.db", "x.db.lock"):
        with pytest.raises(ConflictError, match="is there already and stays as it is"):
            back_up(database, tmp_path / target)
    assert (tmp_path / "file").read_text() == "mine"
    assert left(tmp_path) == before


def test_of_two_at_once_one_has_the_name(database: Path, tmp_path: Path) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def make() -> None:
        start.wait()
        try:
            module._put(partials.pop(), tmp_path / "copy.db")
            outcomes.append("made")
        except FileExistsError:
            outcomes.append("refused")

    partials = [tmp_path / "x.db-1", tmp_path / "x.db-2"]
    for partial in partials:
        partial.write_bytes(b"x")
    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused"]


def test_nowhere_to_put_it(database: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be made"):
        back_up(database, tmp_path / "no" / "such" / "folder")
    with pytest.raises(NotFoundError, match="there is no database"):
        back_up(tmp_path / "none.db", tmp_path / "copy.db")
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_what_is_no_database(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(OpcodeError):
        back_up(tmp_path / "x.db", tmp_path / "copy.db")
    assert left(tmp_path) == []


def test_a_damaged_database_is_not_copied_in_silence(database: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.executemany(
            "INSERT INTO events (workflow_id, sequence, event_type, payload, timestamp) VALUES ('w', ?, 'x', ?, 0)",
            [(number, "y" * 500) for number in range(1, 500)],
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=delete")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with database.open("r+b") as file:
        file.seek(size * 40)
        file.write(bytes(size * 20))
    with pytest.raises(StoreError) as caught:
        back_up(database, tmp_path / "copy.db")
    assert caught.value.details == {"reason": "damaged"}
    assert left(tmp_path) == []


def test_a_disk_that_fails_leaves_nothing(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match="cannot be written"):
        back_up(database, tmp_path / "copy.db")
    assert left(tmp_path) == []
