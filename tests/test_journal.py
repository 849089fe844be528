"""The journal by itself: groups, who is told of a commit that failed, and that no log ever has a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from opcode_core.errors import StoreError
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState
from opcode_core.store.sqlite.database import Database, open_database
from opcode_core.store.sqlite.journal import SqliteJournal

pytestmark = pytest.mark.anyio
SECONDS = 5.0
FULL = {"reason": "full"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Commits:
    """Stands before the database's commits: holds them, lets them fail, counts them."""

    def __init__(self) -> None:
        self.count = 0
        self.fails: set[int] = set()
        self.error: Exception = StoreError("the disk is full", FULL)
        self.begun = asyncio.Semaphore(0)
        self.go = asyncio.Event()
        self.go.set()


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    made = Commits()
    commit = Database.commit

    async def watched(self: Database, work: Callable[[Any], Any]) -> Any:
        made.count += 1
        number = made.count
        made.begun.release()
        await made.go.wait()
        if number in made.fails:
            raise made.error
        return await commit(self, work)

    monkeypatch.setattr(Database, "commit", watched)
    return made


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(tmp_path / "x.db", "normal")
    yield opened
    await opened.close()


@pytest.fixture
async def journal(database: Database, commits: Commits) -> AsyncIterator[SqliteJournal]:
    made = SqliteJournal(database)
    yield made
    commits.go.set()
    async with asyncio.timeout(SECONDS):
        await made.close()


def append(journal: SqliteJournal, workflow_id: str, *sequences: int) -> None:
    for sequence in sequences:
        event = Event(workflow_id, sequence, "step_started", "a", None, None, 1, 0)
        journal.append(event, None, WorkflowState(workflow_id))


async def logged(database: Database, workflow_id: str) -> list[int]:
    rows = await database.read(
        "SELECT sequence FROM events WHERE workflow_id = ? ORDER BY sequence", [workflow_id]
    )
    return [row[0] for row in rows]


async def test_many_events_of_many_workflows_are_one_transaction(
    journal: SqliteJournal, database: Database, commits: Commits
) -> None:
    for number in range(20):
        append(journal, f"w{number}", *range(1, 51))
    await journal.stored("w0")
    assert commits.count == 1
    assert (await database.read("SELECT count(*) FROM events"))[0][0] == 1000


async def test_what_comes_while_a_commit_is_under_way_is_one_more(
    journal: SqliteJournal, database: Database, commits: Commits
) -> None:
    commits.go.clear()
    append(journal, "a", 1)
    await commits.begun.acquire()
    for number in range(2, 102):
        append(journal, "a", number)
        await asyncio.sleep(0)
    commits.go.set()
    async with asyncio.timeout(SECONDS):
        await journal.stored("a")
    assert commits.count == 2
    assert await logged(database, "a") == list(range(1, 102))


async def test_everybody_who_waits_is_answered_and_a_cancelled_one_disturbs_nobody(
    journal: SqliteJournal, commits: Commits
) -> None:
    commits.go.clear()
    append(journal, "a", 1)
    waiters = [asyncio.create_task(journal.stored("a")) for _ in range(5)]
    await commits.begun.acquire()
    waiters[0].cancel()
    commits.go.set()
    done, pending = await asyncio.wait(waiters, timeout=SECONDS)
    assert (len(done), len(pending)) == (5, 0)
    assert [one.cancelled() for one in waiters] == [True, False, False, False, False]
    assert all(one.exception() is None for one in waiters[1:])


async def test_what_could_not_be_stored_is_told_kept_and_tried_again(
    journal: SqliteJournal, database: Database, commits: Commits
) -> None:
    append(journal, "a", 1)
    await journal.stored("a")
    commits.fails |= {2, 3}
    append(journal, "a", 2)
    with pytest.raises(StoreError) as caught:
        await journal.stored("a")
    assert caught.value.details == FULL
    append(journal, "a", 3)
    with pytest.raises(StoreError):
        await journal.stored("a")
    async with asyncio.timeout(SECONDS):
        await journal.kept("a")
    await journal.stored("a")
    assert await logged(database, "a") == [1, 2, 3]


async def test_what_had_just_begun_is_given_up_and_nothing_begins_while_the_store_fails(
    journal: SqliteJournal, database: Database, commits: Commits
) -> None:
    append(journal, "old", 1)
    await journal.stored("old")
    commits.fails |= {2, 3}
    append(journal, "old", 2)
    append(journal, "new", 1)
    with pytest.raises(StoreError):
        await journal.kept("new")
    append(journal, "later", 1)
    append(journal, "new", 2)
    for lost in ("new", "later"):
        with pytest.raises(StoreError):
            await journal.kept(lost)
    async with asyncio.timeout(SECONDS):
        await journal.kept("old")
    append(journal, "at last", 1)
    await journal.stored("at last")
    found = {one: await logged(database, one) for one in ("old", "new", "later", "at last")}
    assert found == {"old": [1, 2], "new": [], "later": [], "at last": [1]}


async def test_nobody_is_told_that_events_are_stored_because_those_before_were_given_up(
    journal: SqliteJournal, database: Database, commits: Commits
) -> None:
    append(journal, "old", 1)
    await journal.stored("old")
    commits.fails.add(2)
    commits.go.clear()
    append(journal, "new", 1)
    begun = asyncio.create_task(journal.kept("new"))
    for _ in range(2):
        await commits.begun.acquire()
    append(journal, "old", 2)
    kept = asyncio.create_task(journal.kept("old"))
    await asyncio.sleep(0)
    commits.go.set()
    async with asyncio.timeout(SECONDS):
        await kept
    assert await logged(database, "old") == [1, 2]
    with pytest.raises(StoreError):
        await begun


async def test_who_looks_when_a_lost_workflow_is_forgotten_is_told_all_the_same(
    journal: SqliteJournal, commits: Commits
) -> None:
    commits.fails.add(1)
    commits.go.clear()
    append(journal, "a", 1)

    async def run() -> None:
        try:
            await journal.kept("a")
        finally:
            journal.forget("a")

    waiting = [asyncio.create_task(one) for one in (run(), journal.stored("a"), journal.kept("a"))]
    await commits.begun.acquire()
    commits.go.set()
    done, _ = await asyncio.wait(waiting, timeout=SECONDS)
    assert [isinstance(one.exception(), StoreError) for one in done] == [True] * 3


async def test_a_child_is_kept_for_the_workflow_that_waits_for_it(
    journal: SqliteJournal, database: Database, commits: Commits
) -> None:
    commits.fails.add(1)
    child = WorkflowState("child")
    child.parent = ("parent", "a")
    journal.append(Event("child", 1, "workflow_started", None, None, None, 1, 0), None, child)
    async with asyncio.timeout(SECONDS):
        await journal.kept("child")
    assert await logged(database, "child") == [1]


async def test_what_waits_can_be_taken_back_but_not_while_it_is_being_stored(
    journal: SqliteJournal, database: Database, commits: Commits
) -> None:
    append(journal, "a", 1)
    append(journal, "b", 1)
    await journal.stored("a")
    commits.fails |= {2, 3}
    append(journal, "a", 2)
    append(journal, "b", 2)
    commits.go.clear()
    storing = asyncio.create_task(journal.stored("a"))
    while not commits.begun.locked():
        await commits.begun.acquire()
    await commits.begun.acquire()
    assert not journal.drop("a")
    commits.go.set()
    with pytest.raises(StoreError):
        await storing
    assert journal.drop("a")
    append(journal, "a", 3)
    async with asyncio.timeout(SECONDS):
        await journal.kept("b")
    assert (await logged(database, "a"), await logged(database, "b")) == ([1], [1, 2])
    journal.forget("a")
    append(journal, "a", 2)
    await journal.stored("a")
    assert await logged(database, "a") == [1, 2]


async def test_of_a_group_that_cannot_be_stored_whole_the_sound_part_is_stored(
    journal: SqliteJournal, database: Database
) -> None:
    append(journal, "a", 1)
    await journal.stored("a")
    append(journal, "a", 1)  # what the log has already: our own mistake, and no disk's
    append(journal, "b", 1, 2)
    with pytest.raises(StoreError):
        await journal.stored("a")
    await journal.stored("b")
    assert (await logged(database, "a"), await logged(database, "b")) == ([1], [1, 2])


async def test_who_waits_for_events_that_were_dropped_is_told_too(
    journal: SqliteJournal, commits: Commits
) -> None:
    commits.go.clear()
    commits.fails.add(1)
    append(journal, "a", 1)
    await commits.begun.acquire()
    append(journal, "a", 2)
    waiting = asyncio.create_task(journal.stored("a"))
    await asyncio.sleep(0)
    commits.go.set()
    done, _ = await asyncio.wait((waiting,), timeout=SECONDS)
    waiting.cancel()
    assert done, "nothing is left to be stored, so no commit will wake who waits"
    assert isinstance(waiting.exception(), StoreError)


async def test_a_forgotten_workflow_begins_anew_from_the_log(
    journal: SqliteJournal, database: Database, commits: Commits
) -> None:
    append(journal, "a", 1)
    await journal.stored("a")
    commits.fails.add(2)
    commits.error = StoreError("it is damaged", {"reason": "damaged"})
    append(journal, "a", 2)
    with pytest.raises(StoreError):
        await journal.stored("a")
    append(journal, "a", 3)
    assert await logged(database, "a") == [1]
    journal.forget("a")
    append(journal, "a", 2)
    await journal.stored("a")
    assert await logged(database, "a") == [1, 2]


async def test_a_failure_that_is_not_ours_says_nothing_of_itself(
    journal: SqliteJournal, commits: Commits
) -> None:
    commits.fails.add(1)
    commits.error = KeyError("a secret")
    append(journal, "a", 1)
    with pytest.raises(StoreError) as caught:
        await journal.stored("a")
    assert "secret" not in str(caught.value.to_json())


async def test_closing_does_not_wait_for_a_store_that_fails(
    database: Database, commits: Commits
) -> None:
    journal = SqliteJournal(database)
    append(journal, "a", 1)
    await journal.stored("a")
    commits.fails |= set(range(2, 100))
    append(journal, "a", 2)
    async with asyncio.timeout(SECONDS):
        await journal.close()
    assert await logged(database, "a") == [1]


async def test_closing_stores_what_was_taken(database: Database) -> None:
    journal = SqliteJournal(database)
    append(journal, "a", *range(1, 200))
    async with asyncio.timeout(SECONDS):
        await journal.close()
    assert await logged(database, "a") == list(range(1, 200))
