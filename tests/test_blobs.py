"""Large outputs: stored once, read as if they stood in the event, gone when nobody has them any more."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from job_room import DAY, Room
from opcode_core.errors import StoreError
from opcode_core.model.requests import DefineRequest, QueryRequest, RunRequest, StatusRequest
from opcode_core.service import Service
from opcode_core.store.sqlite.blobs import LARGE
from opcode_core.store.sqlite.views import rebuild

pytestmark = pytest.mark.anyio
BIG = "x" * (LARGE - 20)


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


def database_of(service: Service) -> Any:
    return service._store._database  # type: ignore[attr-defined] # of this store


async def run(service: Service, value: Any, name: str = "t") -> dict[str, Any]:
    steps = [
        {"id": "a", "action": "t.note", "params": {"value": "${{inputs.v}}"}},
        {"id": "b", "action": "t.note", "depends_on": ["a"], "params": {"value": "${{steps.a.output}}"}},
    ]  # fmt: skip
    await service.define(DefineRequest(name, {"steps": steps}, "ann"))
    return await service.run(RunRequest(name, "ann", params={"v": value}))


async def rows(service: Service, sql: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = await database_of(service).read(sql)
    return found


HARD = [
    BIG + "0123456789",
    '\u0000\U0001f680ü"\\}' * (LARGE // 8),
    {"output": BIG, "more": {"x": '"},{"output":"'}},
    [[{"n": number, "f": 0.1} for number in range(LARGE // 16)]],
    {"a": "}" * LARGE, "b": "{" * 1000},
]


@pytest.mark.parametrize("value", HARD, ids=range(len(HARD)))
async def test_it_comes_back_as_it_was(room: Room, value: Any) -> None:
    async with room.open() as service:
        answer = await run(service, value)
        assert answer["status"] == "completed"
        assert answer["output"]["truncated"] is True
        workflow_id = answer["workflow_id"]
        events = await service.query(QueryRequest("events", {"workflow_id": workflow_id}))
        before = await service.result(workflow_id)
        assert await rows(service, "SELECT count(*) FROM blobs") == [(1,)]
        ((name, content),) = await rows(service, "SELECT hash, content FROM blobs")
        assert name == hashlib.sha256(content.encode()).hexdigest()
        named = await rows(service, "SELECT event_type, payload FROM events WHERE blob IS NOT NULL")
        assert named == [
            ("step_completed", None),
            ("step_completed", None),
            ("workflow_completed", None),
        ]
    async with room.open() as service:  # read back from the log
        assert await service.result(workflow_id) == before
        assert before["output"] == value
        assert await service.query(QueryRequest("events", {"workflow_id": workflow_id})) == events
        await database_of(service).transaction(rebuild)
        assert (await service.status(StatusRequest(workflow_id)))["output"]["truncated"] is True


async def test_what_is_not_large_stays_in_its_event(service: Service) -> None:
    for value in (BIG, {"output": "x"}, "", None, {}):
        assert (await run(service, value))["status"] == "completed"
    assert await rows(service, "SELECT count(*) FROM blobs") == [(0,)]
    await run(service, BIG + "0123456789")
    assert await rows(service, "SELECT count(*) FROM blobs") == [(1,)]


async def test_the_same_output_is_stored_once_over_all_workflows(
    room: Room, service: Service
) -> None:
    for name in ("one", "two"):
        await run(service, BIG + "0123456789", name)
    await run(service, BIG + "9876543210", "three")
    assert await rows(service, "SELECT count(*) FROM blobs") == [(2,)]
    assert len(await rows(service, "SELECT 1 FROM events WHERE blob IS NOT NULL")) == 9


async def test_it_goes_with_the_last_event_that_has_it(room: Room, service: Service) -> None:
    assert service.upkeep is not None
    await run(service, BIG + "0123456789")
    await run(service, BIG + "9876543210")
    room.clock.advance(2 * DAY)
    kept = await run(service, BIG + "0123456789")
    told = await service.upkeep.retention.collect(DAY)
    assert told["workflows"] == 2
    assert await rows(service, "SELECT count(*) FROM blobs") == [(1,)]
    assert (await service.result(kept["workflow_id"]))["output"] == BIG + "0123456789"
    room.clock.advance(2 * DAY)
    await service.upkeep.retention.collect(DAY)
    assert await rows(service, "SELECT count(*) FROM blobs") == [(0,)]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM blobs",
        "UPDATE blobs SET content = replace(content, '9', '8')",
        "UPDATE events SET blob = 'none' WHERE blob IS NOT NULL",
    ],
)
async def test_one_that_is_damaged_is_told_and_not_taken_for_another(
    room: Room, damage: str
) -> None:
    async with room.open() as service:
        workflow_id = (await run(service, BIG + "0123456789"))["workflow_id"]
        await database_of(service).transaction(lambda connection: connection.execute(damage))
    async with room.open() as service:
        with pytest.raises(StoreError, match="is damaged"):
            await service.status(StatusRequest(workflow_id))
