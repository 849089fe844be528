"""The store under fault: full and failing disks, locked, damaged, emptied, foreign and shortened files."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from crash import shim
from opcode_core.errors import StoreError
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState
from opcode_core.store.sqlite import connections
from opcode_core.store.sqlite.database import open_database
from opcode_core.store.sqlite.integrity import check_integrity
from opcode_core.store.sqlite.schema import APPLICATION_ID, scripts
from opcode_core.store.sqlite.store import SqliteStore, open_store

pytestmark = pytest.mark.anyio
SECONDS = 20.0
PAGE = 4096


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


def started(workflow_id: str) -> tuple[Event, bytes, WorkflowState]:
    payload = {
        "template_name": "t",
        "template_version": "v1",
        "inputs": {},
        "context": {},
        "working_directory": "/",
    }
    event = Event(workflow_id, 1, "workflow_started", None, payload, "me", 1, 0)
    state = WorkflowState(workflow_id)
    state.apply(event)
    return event, json.dumps(payload).encode(), state


async def fill(store: SqliteStore, *workflow_ids: str, size: int = 10) -> None:
    """Workflows that have begun, each with a few events of so many bytes."""
    for workflow_id in workflow_ids:
        event, payload, state = started(workflow_id)
        store.journal.append(event, payload, state)
        for sequence in range(2, 6):
            text = json.dumps({"name": "x" * size}).encode()
            told = Event(workflow_id, sequence, "said", None, None, None, 1, 0)
            store.journal.append(told, text, state)
        await store.journal.stored(workflow_id)


async def made(path: Path, *workflow_ids: str, size: int = 10) -> None:
    store = await open_store(path, "full")
    await fill(store, *(workflow_ids or ("a", "b")), size=size)
    await store.close()


def killed(path: Path, *workflow_ids: str) -> None:
    """The same in a process that is killed, so that the write-ahead log is left."""
    program = (
        "import asyncio, os, sys; from pathlib import Path; import test_store_faults as t\n"
        "async def main():\n"
        f"    store = await t.open_store(Path({str(path)!r}), 'full')\n"
        f"    await t.fill(store, *{list(workflow_ids)!r})\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(shim.TESTS)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL


async def refused(path: Path, reason: str, *words: str) -> None:
    """It is not opened, says why, and stays as it is."""
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(StoreError) as caught:
        await open_store(path, "full")
    assert (caught.value.details or {})["reason"] == reason
    for word in words:
        assert word in caught.value.message
    assert (path.read_bytes() if path.exists() else None) == before


# -------- The disk


@pytest.mark.skipif(shim.WHY_NOT is not None, reason=str(shim.WHY_NOT))
def test_whichever_write_or_sync_fails_nothing_is_half_stored_and_all_goes_on(
    tmp_path: Path,
) -> None:
    thorough = bool(os.environ.get("OPCODE_EVERY_MOMENT"))
    run = tmp_path / "run"
    run.mkdir()
    some = ["--writes", "1", "--syncs", "1"] if thorough else ["--writes", "13", "--syncs", "4"]
    arguments = ["crash.failing", str(run), *some]
    output = shim.run_on(shim.build(tmp_path), run, arguments, seconds=1800 if thorough else 200)
    cases: list[dict[str, Any]] = json.loads(output)["cases"]
    assert [case for case in cases if case["wrong"]] == []
    kinds = {(case["kind"], case["error"], case["forever"]) for case in cases}
    assert len(kinds) == 8
    assert len(cases) >= 30
    assert all(case["hits"] for case in cases)
    assert sum(case["refused"] for case in cases) >= len(cases)
    assert sum(case["answered"] for case in cases if case["forever"]) >= 30


@pytest.mark.skipif(shim.WHY_NOT is not None, reason=str(shim.WHY_NOT))
@pytest.mark.parametrize(("stored", "close"), [(True, "5"), (False, "0")])
def test_a_sync_that_fails_in_a_commit_is_looked_into(
    tmp_path: Path, stored: bool, close: str
) -> None:
    """One time what was written is found again, one time the disk has dropped it: the answer is what is there."""
    run = tmp_path / "run"
    run.mkdir()
    arguments = ["crash.unknown", str(run), "found" if stored else "dropped"]
    report = json.loads(shim.run_on(shim.build(tmp_path), run, arguments))
    assert report["hits"] >= 1
    assert report["answer"] == ("stored" if stored else "STORE_ERROR")
    assert report["rows_after"] == (2 if stored else 1)
    assert report["then"] == "stored"


# -------- Others who hold the file


@pytest.mark.parametrize("seconds", [0.6, 2.5])
async def test_while_another_process_holds_it_others_are_answered_and_nothing_runs_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(connections, "BUSY_MILLISECONDS", 1000)
    store = await open_store(path, "normal")
    await fill(store, "a")
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    letting_go = threading.Timer(seconds, lambda: holder.execute("ROLLBACK"))
    letting_go.start()
    state = await store.state_of("a")
    assert state is not None
    store.journal.append(Event("a", 6, "said", None, None, None, 1, 0), b"{}", state)
    waiting = asyncio.create_task(store.journal.stored("a"))
    await asyncio.sleep(0.1)
    page = await store.list_events({"workflow_id": "a"}, 10, None)
    assert len(page.rows) == 5
    if seconds < 1:
        await waiting
    else:
        with pytest.raises(StoreError) as caught:
            await waiting
        assert (caught.value.details or {})["reason"] == "busy"
        async with asyncio.timeout(SECONDS):
            await store.journal.kept("a")
    page = await store.list_events({"workflow_id": "a"}, 10, None)
    assert [row["sequence"] for row in page.rows] == [1, 2, 3, 4, 5, 6]
    letting_go.join()
    holder.close()
    await store.close()


# -------- Files that are not what they were


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"hello" + content[5:],
        lambda content: content[: len(content) // 2],
        lambda content: content[: 3 * PAGE] + bytes(PAGE) + content[4 * PAGE :],
        lambda content: content[: 30 * PAGE] + bytes(PAGE) + content[31 * PAGE :],
    ],
    ids=["header", "half", "an early page", "a late page"],
)
async def test_a_damaged_file_is_refused_and_left_alone(
    path: Path, damage: Callable[[bytes], bytes]
) -> None:
    await made(path, *"abcdefgh", size=3000)
    content = path.read_bytes()
    assert len(content) > 40 * PAGE
    path.write_bytes(damage(content))
    await refused(path, "damaged", "backup")


async def test_an_emptied_file_is_refused(path: Path) -> None:
    await made(path)
    path.write_bytes(b"")
    await refused(path, "damaged", "is empty", "x.db.lock")
    path.unlink()
    await refused(path, "damaged", "is gone", "x.db.lock")
    path.with_name("x.db.lock").unlink()
    await (await open_store(path, "full")).close()


async def test_an_emptied_file_beside_its_write_ahead_log_is_refused(path: Path) -> None:
    killed(path, "a")
    path.with_name("x.db.lock").unlink()
    log = path.with_name("x.db-wal").read_bytes()
    assert log
    path.write_bytes(b"")
    await refused(path, "damaged", "x.db-wal")
    assert path.with_name("x.db-wal").read_bytes() == log


async def test_a_write_ahead_log_that_was_taken_away_is_noticed(path: Path) -> None:
    await made(path, "a")
    killed(path, "b", "c")
    path.with_name("x.db-wal").rename(path.with_name("away"))
    await refused(path, "damaged", "lacks the last 2 of 3 transactions", "x.db-wal", "x.db.lock")
    path.with_name("away").rename(path.with_name("x.db-wal"))
    store = await open_store(path, "full")
    assert len(await store.list_unfinished()) == 3
    await store.close()


async def test_after_normal_durability_a_shorter_history_is_said_only(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await open_store(path, "normal")
    await fill(store, "a")
    await store.close()
    older = path.read_bytes()
    store = await open_store(path, "normal")
    await fill(store, "b")
    await store.close()
    path.write_bytes(older)
    store = await open_store(path, "normal")
    assert "lacks its last transactions" in caplog.text
    await store.close()


async def test_a_database_that_was_restored_on_purpose_opens_without_its_lock_file(
    path: Path,
) -> None:
    await made(path, "a")
    backup = path.read_bytes()
    await made(path, "b")
    path.write_bytes(backup)
    await refused(path, "damaged", "a backup restored on purpose")
    path.with_name("x.db.lock").unlink()
    store = await open_store(path, "full")
    assert [row.workflow_id for row in await store.list_unfinished()] == ["a"]
    await store.close()


async def test_another_database_in_its_place_is_taken_as_it_is(path: Path, tmp_path: Path) -> None:
    await made(path, "a", "b")
    other = tmp_path / "other" / "x.db"
    other.parent.mkdir()
    await made(other, "c")
    shutil.copy(other, path)
    store = await open_store(path, "full")
    assert [row.workflow_id for row in await store.list_unfinished()] == ["c"]
    await store.close()


async def test_a_byte_that_flipped_is_noticed_where_it_matters_and_nowhere_else(
    path: Path,
) -> None:
    await made(path, "a", size=10)
    await made(path, "b", size=20)
    content = path.read_bytes()
    at = content.index(b'"xxxxxxxxxx"')
    path.write_bytes(content[:at] + content[at:].replace(b"xxxxx", b"xyxxx", 1))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store = await open_store(path, "full")
    with pytest.raises(StoreError) as caught:
        await store.state_of("a")
    assert (caught.value.details or {})["reason"] == "damaged"
    with pytest.raises(StoreError):
        await store.list_events({"workflow_id": "a"}, 10, None)
    state = await store.state_of("b")
    assert state is not None
    assert state.sequence == 5
    assert len((await store.list_events({"workflow_id": "b"}, 10, None)).rows) == 5
    await fill(store, "c")
    await store.close()
    assert [(one.kind, one.workflow_id) for one in check_integrity(path)] == [
        ("damaged event", "a")
    ]


OPENING = (
    "import asyncio, sys; from pathlib import Path\n"
    "from opcode_core.store.sqlite.store import open_store\n"
    "async def main():\n"
    "    await (await open_store(Path(sys.argv[1]), 'full')).close()\n"
    "asyncio.run(main())\n"
)


def test_a_process_that_is_killed_while_it_brings_the_schema_up_to_date_leaves_all_or_nothing(
    path: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
        for script in scripts()[:2]:
            connection.executescript(script)
        connection.execute("PRAGMA user_version=2")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(
            "INSERT INTO events (workflow_id, sequence, event_type, timestamp) VALUES ('w', 1, 'x', 1)"
        )
        connection.commit()
    killed_at = []
    log = tmp_path / "points"
    for number in range(1, 10):
        log.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "OPCODE_CRASH_AT": str(number),
            "OPCODE_CRASH_LOG": str(log),
        }
        command = [sys.executable, "-c", OPENING, str(path)]
        if subprocess.run(command, env=environment, check=False).returncode == 0:
            break
        killed_at.append(log.read_text().splitlines()[-1])
        with closing(sqlite3.connect(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            tables = connection.execute("SELECT name FROM sqlite_schema WHERE name = 'facts'")
            assert version in (2, len(scripts()))
            assert len(tables.fetchall()) == (version > 2)
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)
    assert killed_at.count("migrating") == len(scripts()) - 2
    assert {"migration begins", "migrated"} <= set(killed_at)
    assert [one.kind for one in check_integrity(path)] == [
        "stale view"
    ]  # nothing lists what was put in by hand


# -------- Places that cannot be written


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_or_a_folder_that_cannot_be_written_is_said_at_the_start(
    tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "place"
    folder.mkdir()
    path = folder / "x.db"
    asyncio.run(made(path))
    path.with_name("x.db.lock").chmod(0o666)
    path.chmod(0o444 if what == "file" else 0o666)
    folder.chmod(0o777 if what == "file" else 0o555)
    other = tmp_path / "other.db"  # what is imported late is imported while it may be
    program = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from opcode_core.errors import StoreError\n"
        "from opcode_core.store.sqlite.store import open_store\n"
        "async def look(path):\n"
        "    await (await open_store(path, 'full')).close()\n"
        f"asyncio.run(look(Path({str(other)!r})))\n"
        "if os.getuid() == 0:\n"
        "    os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        "    asyncio.run(look(Path('x.db')))\n"
        "except StoreError as error:\n"
        "    print(error.details['reason'], error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    folder.chmod(0o755)
    assert done.stdout.startswith("io "), done.stderr
    assert "written" in done.stdout or "opened" in done.stdout


async def test_a_file_system_without_a_write_ahead_log_is_said_and_used_in_full(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect = aiosqlite.connect

    def without_shared_memory(database: Path, **options: Any) -> Any:
        return connect(f"file:{database}?vfs=unix-dotfile", uri=True, **options)

    monkeypatch.setattr(aiosqlite, "connect", without_shared_memory)
    database = await open_database(path, "normal")
    modes = await database.read("SELECT * FROM pragma_journal_mode, pragma_synchronous")
    writer = database._connections.writer
    (synchronous,) = await writer.execute_fetchall("PRAGMA synchronous")
    assert (modes[0][0], tuple(synchronous)) == ("delete", (2,))
    assert "no write-ahead log" in caplog.text
    await database.transaction(
        lambda connection: connection.execute("INSERT INTO facts VALUES ('x', 1)")
    )
    await database.close()
