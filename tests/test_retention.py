"""Retention: what ended long ago goes, with all that belongs to it, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from job_room import DAY, HOUR, SECONDS, Room
from opcode_core.errors import NotFoundError, StoreError
from opcode_core.model.requests import (
    DefineRequest,
    QueryRequest,
    RunRequest,
    SignalRequest,
    StatusRequest,
)
from opcode_core.retention import EVERY_SECONDS, FIRST_SECONDS, Retention
from opcode_core.service import Service
from opcode_core.settings import Settings, SettingsError, load_settings
from opcode_core.store.sqlite import retention as rows
from opcode_core.store.sqlite.retention import SqliteRetention

pytestmark = pytest.mark.anyio
NOTE = {"id": "a", "action": "t.note"}
ASK = {
    "id": "ask",
    "type": "reasoning",
    "config": {"prompt_context": "which?", "options": [{"id": "x"}]},
}
WAIT = {"id": "w", "type": "wait", "config": {"signal": "go"}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, "2026-03-02T08:00:00")


@pytest.fixture
async def service(room: Room) -> AsyncIterator[Service]:
    async with room.open() as opened:
        yield opened


def retention_of(service: Service) -> Retention:
    assert service.upkeep is not None
    return service.upkeep.retention


async def collect(service: Service, days: float, *, dry_run: bool = False) -> tuple[int, int, int]:
    told = await retention_of(service).collect(days * DAY, dry_run=dry_run)
    return told["workflows"], told["events"], told["decisions"]


async def run(service: Service, *steps: Any, name: str = "t", **more: Any) -> str:
    await service.define(DefineRequest(name, {"steps": list(steps)}, "ann"))
    answer = await service.run(RunRequest(name, "ann", **more))
    return str(answer["workflow_id"])


async def kept(service: Service) -> set[str]:
    found = (await service.query(QueryRequest("workflows", {"limit": 500})))["workflows"]
    return {row["workflow_id"] for row in found}


def database_of(service: Service) -> Any:
    return service._store._database  # type: ignore[attr-defined] # of this store


async def rows_in(service: Service, table: str) -> int:
    ((count,),) = await database_of(service).read(f"SELECT count(*) FROM {table}")
    return int(count)


async def test_what_ended_long_ago_goes_and_nothing_else(room: Room, service: Service) -> None:
    old = [await run(service, NOTE, NOTE | {"id": "b"}) for _ in range(3)]
    waiting = await run(service, ASK, name="ask")
    answered = await run(service, ASK, name="ask")
    await service.signal(SignalRequest(answered, "decision", {"choice": "x"}))
    room.clock.advance(10 * DAY)
    young = await run(service, NOTE)
    everything = await kept(service)
    expected = (4, 3 * 6 + await events_of(service, answered), 1)
    assert await collect(service, 9, dry_run=True) == expected
    assert await kept(service) == everything
    assert await collect(service, 9) == expected
    assert await kept(service) == {young, waiting}
    for workflow_id in (*old, answered):
        with pytest.raises(NotFoundError):
            await service.status(StatusRequest(workflow_id))
        events = await service.query(QueryRequest("events", {"workflow_id": workflow_id}))
        assert events["events"] == []
    assert await rows_in(service, "decisions") == 1
    assert await collect(service, 9) == (0, 0, 0)
    assert (await service.query(QueryRequest("templates")))["templates"]
    await service.signal(SignalRequest(waiting, "decision", {"choice": "x"}))
    assert (await service.status(StatusRequest(waiting, 10_000)))["status"] == "completed"


async def events_of(service: Service, workflow_id: str) -> int:
    return len(
        (await service.query(QueryRequest("events", {"workflow_id": workflow_id})))["events"]
    )


async def test_it_is_when_it_ended_that_counts_to_the_moment(room: Room, service: Service) -> None:
    workflow_id = await run(service, WAIT)
    room.clock.advance(5 * DAY)
    await service.signal(SignalRequest(workflow_id, "data", {"signal": "go"}))
    await service.status(StatusRequest(workflow_id, 10_000))
    room.clock.advance(2 * DAY)
    assert await collect(service, 2) == (0, 0, 0)  # not before: exactly then
    room.clock.advance(1)
    assert (await collect(service, 2))[0] == 1


@pytest.mark.parametrize("ends", ["failed", "cancelled"])
async def test_failed_and_cancelled_ones_go_too(room: Room, service: Service, ends: str) -> None:
    if ends == "failed":
        await run(service, {"id": "f", "action": "workflow.fail", "params": {"reason": "x"}})
    else:
        workflow_id = await run(service, WAIT)
        await service.signal(SignalRequest(workflow_id, "cancel", {}))
    room.clock.advance(DAY + 1)
    assert (await collect(service, 1))[0] == 1
    assert await rows_in(service, "events") == 0


async def test_a_family_goes_together_when_the_last_of_it_has_ended(
    room: Room, service: Service
) -> None:
    child = {"id": "c", "action": "workflow.run", "params": {"template_name": "child"}}
    await service.define(DefineRequest("child", {"steps": [NOTE]}, "ann"))
    parent = await run(service, child, WAIT | {"depends_on": ["c"]})
    both = await kept(service)
    assert len(both) == 2
    room.clock.advance(10 * DAY)
    assert await collect(service, 1) == (0, 0, 0)  # the child has ended, who started it has not
    assert await kept(service) == both
    await service.signal(SignalRequest(parent, "data", {"signal": "go"}))
    await service.status(StatusRequest(parent, 10_000))
    assert await collect(service, 1) == (0, 0, 0)  # its end is of today
    room.clock.advance(2 * DAY)
    assert (await collect(service, 1))[0] == 2
    assert await rows_in(service, "events") == 0


async def test_a_failed_parent_stays_as_long_as_its_child_runs(
    room: Room, service: Service
) -> None:
    await service.define(DefineRequest("child", {"steps": [WAIT]}, "ann"))
    child = {"id": "c", "action": "workflow.run", "params": {"template_name": "child"}}
    fail = {"id": "f", "action": "workflow.fail", "params": {"reason": "x"}}
    await run(service, child, fail)
    room.clock.advance(DAY)
    rows_before = await service.query(QueryRequest("workflows"))
    if {row["status"] for row in rows_before["workflows"]} <= {"failed", "cancelled", "completed"}:
        pytest.fail("the child was meant to wait")
    assert await collect(service, 0.5) == (0, 0, 0)


async def test_large_families_go_in_small_transactions(
    room: Room, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_MOST_ROWS", 10)
    each = {"id": "c", "action": "workflow.run", "params": {"template_name": "child"}}
    await service.define(DefineRequest("child", {"steps": [NOTE]}, "ann"))
    loop = {
        "id": "l",
        "type": "loop",
        "config": {"mode": "for_each", "over": list(range(12)), "body": [each]},
    }
    await run(service, loop)
    assert len(await kept(service)) == 13
    sizes = []
    original = SqliteRetention.delete

    async def delete(self: SqliteRetention, ids: Any) -> Any:
        done, deleted = await original(self, ids)
        sizes.append(deleted.events)
        if len(sizes) == 2:
            raise StoreError("the process ends here", {"reason": "io"})
        return done, deleted

    monkeypatch.setattr(SqliteRetention, "delete", delete)
    room.clock.advance(2 * DAY)
    with pytest.raises(StoreError):
        await collect(service, 1)
    left = await kept(service)
    assert 0 < len(left) < 13
    assert any(
        "parent_workflow_id" not in row
        for row in (await service.query(QueryRequest("workflows")))["workflows"]
    )
    await collect(service, 1)
    assert await kept(service) == set()
    assert await rows_in(service, "events") == 0
    assert max(sizes[:-1]) <= 10 + 4


async def test_more_than_one_part(room: Room, service: Service) -> None:
    await service.define(DefineRequest("t", {"steps": [NOTE]}, "ann"))
    await asyncio.gather(*(service.run(RunRequest("t", "ann")) for _ in range(230)))
    waiting = await run(service, WAIT, name="w")
    room.clock.advance(2 * DAY)
    assert (await collect(service, 1, dry_run=True))[0] == 230
    assert (await collect(service, 1))[0] == 230
    assert await kept(service) == {waiting}


async def test_one_that_somebody_just_brings_back_stays_whole(
    room: Room, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `retry` that comes while old workflows are deleted: it finds all of it, or nothing."""
    fail = {"id": "f", "action": "workflow.fail", "params": {"reason": "x"}}
    workflow_id = await run(service, NOTE, fail | {"depends_on": ["a"]})
    room.clock.advance(2 * DAY)
    entered, go = asyncio.Event(), asyncio.Event()
    original = SqliteRetention.delete

    async def delete(self: SqliteRetention, ids: Any) -> Any:
        entered.set()
        await go.wait()
        return await original(self, ids)

    monkeypatch.setattr(SqliteRetention, "delete", delete)
    collecting = asyncio.create_task(collect(service, 1))
    await asyncio.wait_for(entered.wait(), SECONDS)
    signal = asyncio.create_task(
        service.signal(SignalRequest(workflow_id, "skip", {}, step_id="f"))
    )
    await asyncio.sleep(0)
    go.set()
    assert (await collecting)[0] == 1
    with pytest.raises(NotFoundError):
        await signal
    assert await rows_in(service, "events") == 0


async def test_a_child_stays_when_who_started_it_is_brought_back_meanwhile(
    room: Room, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = {"id": "c", "action": "workflow.run", "params": {"template_name": "child"}}
    fail = {"id": "f", "action": "workflow.fail", "params": {"reason": "x"}, "depends_on": ["c"]}
    await service.define(DefineRequest("child", {"steps": [NOTE]}, "ann"))
    parent = await run(service, child, fail, WAIT | {"depends_on": ["f"]})
    both = await kept(service)
    room.clock.advance(2 * DAY)
    original = SqliteRetention.delete

    async def delete(self: SqliteRetention, ids: Any) -> Any:
        await database_of(service).transaction(
            lambda connection: connection.execute(
                "UPDATE workflows SET status = 'active' WHERE workflow_id = ?", (parent,)
            )
        )
        return await original(self, ids)

    monkeypatch.setattr(SqliteRetention, "delete", delete)
    assert await collect(service, 1) == (0, 0, 0)
    assert await kept(service) == both


async def test_a_run_of_a_job_that_was_deleted_is_not_run_again(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", {"expression": "0 9 * * *", "missed": "skip"})
        await room.pass_time(1.5 * HOUR)
        assert room.began == ["t"]
        room.clock.advance(2 * DAY)
        assert (await collect(service, 1))[0] == 1
    async with room.open() as service:
        assert await room.runs(service, "t") == []
        assert room.began == ["t"]


async def test_once_a_day_as_settings_say(tmp_path: Path) -> None:
    room = Room(tmp_path, "2026-03-02T08:00:00")
    room.settings = Settings(db_path=tmp_path / "o.db", durability="normal", retention=3 * DAY)

    async def days(service: Service, count: float) -> set[str]:
        until = room.clock.now() + count * DAY
        while room.clock.now() < until:
            step = min(await room.clock.next_alarm(), until - room.clock.now())
            room.clock.advance(step)
            task = retention_of(service)._task
            if task is not None:
                await asyncio.wait((task,), timeout=SECONDS)
        return await kept(service)

    async with room.open() as service:
        first = await run(service, NOTE)
        assert await days(service, 2.9) == {first}
        second = await run(service, NOTE)
        assert await days(service, 1.2) == {second}
        assert await days(service, 2.9) == set()
    assert FIRST_SECONDS < EVERY_SECONDS


async def test_without_the_setting_nothing_goes(room: Room, service: Service) -> None:
    workflow_id = await run(service, NOTE)
    room.clock.advance(400 * DAY)
    await room.pass_time(HOUR)
    assert await kept(service) == {workflow_id}


def test_the_setting(tmp_path: Path) -> None:
    def read(toml: str) -> float | None:
        (tmp_path / "opcode.toml").write_text(toml, encoding="utf-8")
        return load_settings({"OPCODE_DB_PATH": str(tmp_path / "o.db")}).retention

    assert read("") is None
    assert read('retention = "30d"') == 30 * DAY
    assert read('retention = "36h"\n[plugins]\nallow = ["fs"]') == 36 * HOUR
    for wrong in ('"30"', '"0s"', "30", '"-1d"', "true", '["30d"]', '"a month"'):
        with pytest.raises(SettingsError, match=r'/retention: expected a duration such as "30d"'):
            read(f"retention = {wrong}")
    with pytest.raises(SettingsError, match="did you mean"):
        read('retenton = "30d"')
