"""Who may do what to whose workflow, what a query takes, and what is refused before anything is written."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from engine_room import Room, Step, ask, loop, now, virtually
from opcode_core.errors import LimitExceededError, NotFoundError, OpcodeError, ValidationError
from opcode_core.model.requests import (
    DefineRequest,
    QueryRequest,
    RunRequest,
    SignalRequest,
    StatusRequest,
)
from opcode_core.queries import RESOURCES
from opcode_core.service import Service
from security_room import define, run, serving, step
from test_mcp_stdio import Wire

pytestmark = pytest.mark.anyio
MOST_EVENTS = 50_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path) as opened:
        yield opened


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    server = Wire(tmp_path)
    yield server
    server.close()


def context(kind: str, **params: Any) -> Step:
    """A step that reads or changes a context."""
    return {"id": "c", "action": "workflow.context", "params": {"action": kind, **params}}


def rows(folder: Path) -> dict[str, int]:
    """How many rows each table of the database has."""
    with closing(sqlite3.connect(folder / "x.db")) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for (name,) in names
        }


# -------- Decisions and contexts of others


@pytest.mark.parametrize("agent", ["B", None, "a", "A ", ""])
@virtually
async def test_nobody_answers_anothers_decision(agent: str | None, room: Room) -> None:
    room.define(ask("q", target_agent="A"))
    workflow = await room.run()
    before = room.told(workflow)
    with pytest.raises(OpcodeError) as refused:
        await room.service.signal(
            SignalRequest(workflow, "decision", {"choice": "yes"}, None, agent, wait_ms=0)
        )
    assert refused.value.code in ("VALIDATION_ERROR", "PERMISSION_DENIED")
    assert room.told(workflow) == before
    own = SignalRequest(workflow, "decision", {"choice": "yes"}, None, "A", wait_ms=1000)
    assert (await room.service.signal(own))["status"] == "completed"


def test_nor_over_the_wire(wire: Wire) -> None:
    config = {"prompt_context": "may it?", "options": [], "target_agent": "A"}
    wire.define({"id": "q", "type": "reasoning", "config": config})
    begun = wire.call("run", template_name="t", agent_id="A")["structuredContent"]
    answer = {"workflow_id": begun["workflow_id"], "signal_type": "decision"}
    for agent in ({"agent_id": "B"}, {}):
        refused = wire.call("signal", payload={"choice": "yes"}, **answer, **agent)
        assert refused["isError"], refused
    allowed = wire.call("signal", payload={"choice": "yes"}, agent_id="A", **answer)
    assert allowed["structuredContent"]["status"] == "completed"


@pytest.mark.parametrize("kind", ["read", "update"])
@virtually
async def test_another_runs_context_is_neither_read_nor_changed(kind: str, room: Room) -> None:
    room.define(ask("q"), name="other", context={"private": "theirs"})
    other = await room.run("other")
    more = {"data": {"x": 1}} if kind == "update" else {}
    room.define(context(kind, workflow_id="${{inputs.other}}", **more))
    for target in (other, "00000000-0000-7000-8000-000000000000", ""):
        workflow = await room.run(other=target)
        state = await room.state(workflow)
        assert state.error is not None
        assert state.error["code"] in ("PERMISSION_DENIED", "VALIDATION_ERROR")
        assert "theirs" not in str([event.payload for event in room.events(workflow)])
    assert (await room.state(other)).context == {"private": "theirs"}


@virtually
async def test_a_child_reads_and_changes_nothing_of_its_parents(room: Room) -> None:
    room.define(context("update", data={"x": 1}, workflow_id="${{inputs.parent}}"), name="child")
    call = {"template_name": "child", "params": {"parent": "${{workflow.run_id}}"}}
    room.define({"id": "call", "action": "workflow.run", "params": call}, context={"x": 0})
    workflow = await room.run()
    state = await room.state(workflow)
    assert state.status == "failed"
    assert "PERMISSION_DENIED" in str(state.error)
    assert state.context == {"x": 0}


# -------- Queries

TEXTS = ["x' OR 1=1--", "%", "_%", "*", "' UNION SELECT * FROM facts--", '"', "\x00", "t\0"]


@pytest.mark.parametrize("text", TEXTS)
async def test_a_filter_is_a_value_and_no_sql(service: Service, tmp_path: Path, text: str) -> None:
    config = {"prompt_context": "?", "options": [], "target_agent": "boss"}
    await run(service, {"id": "q", "type": "reasoning", "config": config}, step("u", "crypto.uuid"))
    before = rows(tmp_path)
    for resource, names in {
        "templates": ("name", "agent_id"),
        "workflows": ("agent_id", "template_name"),
        "events": ("workflow_id", "event_type"),
        "decisions": ("workflow_id", "target_agent"),
        "actions": ("name", "plugin"),
        "jobs": ("template_name",),
    }.items():
        for name in names:
            answer = await service.query(QueryRequest(resource, {name: text}))
            assert answer == {resource: []}, (resource, name)
    for request in (RunRequest(text, "me"), RunRequest("t", "me", version=text)):
        with pytest.raises((NotFoundError, ValidationError)):
            await service.run(request)
    with pytest.raises(NotFoundError):
        await service.status(StatusRequest(text))
    with pytest.raises(ValidationError):
        await service.define(DefineRequest(text, {"steps": [step("a", "crypto.uuid")]}, "me"))
    assert rows(tmp_path) == before


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize(
    "given",
    [
        *({"limit": limit} for limit in (-1, 0, 501, 1_000_000_000, 1e9, "1", True, None)),
        {"no_such_filter": 1},
        {"limit; DROP TABLE events": 1},
    ],
    ids=str,
)
async def test_a_filter_that_cannot_be_is_refused(
    service: Service, resource: str, given: dict[str, Any]
) -> None:
    base = {"workflow_id": "w"} if resource == "events" else {}
    with pytest.raises(ValidationError) as refused:
        await service.query(QueryRequest(resource, {**base, **given}))
    assert refused.value.code == "VALIDATION_ERROR"


@pytest.mark.parametrize("since", ["x", "", "2026-13-45", "' OR 1=1--", 5, "9" * 400])
async def test_a_time_that_is_none_is_refused(service: Service, since: Any) -> None:
    for resource, base in (("workflows", {}), ("events", {"workflow_id": "w"})):
        with pytest.raises(ValidationError):
            await service.query(QueryRequest(resource, {**base, "since": since}))


def test_the_same_is_refused_over_the_wire(wire: Wire) -> None:
    for given in (
        {"limit": -1},
        {"limit": 1e9},
        {"since": "x"},
        {"agnet_id": "me"},
    ):
        refused = wire.call("query", resource="workflows", filter=given)
        assert refused["isError"], refused
        assert '"code":"VALIDATION_ERROR"' in refused["content"][0]["text"]
    found = wire.call("query", resource="templates", filter={"name": "x' OR 1=1--"})
    assert found["structuredContent"] == {"templates": []}


# -------- Refused before anything is written


async def test_inputs_are_checked_before_anything_is_stored(
    service: Service, tmp_path: Path
) -> None:
    schema = {
        "properties": {"url": {"type": "string", "pattern": "^https://api\\.example\\.com/"}},
        "required": ["url"],
        "additionalProperties": False,
    }
    definition = {"steps": [step("a", "http.get", url="${{inputs.url}}")]}
    await service.define(DefineRequest("t", definition, "me", input_schema=schema))
    before = rows(tmp_path)
    for params in (
        {},
        {"url": 5},
        {"url": "http://127.0.0.1:1/"},
        {"url": "https://api.example.com.evil.example/"},
        {"url": "https://api.example.com/", "more": 1},
    ):
        with pytest.raises(ValidationError):
            await service.run(RunRequest("t", "other", params=params))
    assert rows(tmp_path) == before


def of_bytes(size: int) -> dict[str, Any]:
    """A definition whose JSON has this many bytes."""
    made = {"steps": [{"id": "a", "action": "crypto.uuid"}], "metadata": {"t": ""}}
    made["metadata"] = {
        "t": "x" * (size - len('{"steps":[{"id":"a","action":"crypto.uuid"}],"metadata":{"t":""}}'))
    }
    return made


LARGE: dict[str, Callable[[], Any]] = {
    "4 MiB and a byte": lambda: of_bytes((4 << 20) + 1),
    "10001 steps": lambda: {
        "steps": [{"id": f"s{n}", "action": "crypto.uuid"} for n in range(10_001)]
    },
    "10001 steps, most of them nested": lambda: {
        "steps": [
            {
                "id": "p",
                "type": "parallel",
                "config": {
                    "branches": [[{"id": f"s{n}", "action": "crypto.uuid"} for n in range(10_000)]]
                },
            }
        ]
    },
}


@pytest.mark.parametrize("name", LARGE)
async def test_a_definition_that_is_too_large_is_refused_and_not_stored(
    service: Service, tmp_path: Path, name: str
) -> None:
    await define(service, step("a", "crypto.uuid"))
    before = rows(tmp_path)
    with pytest.raises(ValidationError) as refused:
        await service.define(DefineRequest("t", LARGE[name](), "me"))
    assert refused.value.details is not None
    assert [issue["code"] for issue in refused.value.details["issues"]] == ["LIMIT_EXCEEDED"]
    assert rows(tmp_path) == before
    assert (await service.query(QueryRequest("templates", {"name": "t"})))["templates"][0][
        "version"
    ] == "v1"


@virtually
async def test_no_step_begins_beyond_50000_events(room: Room) -> None:
    body = now("x", condition="false")
    room.define(loop(body, mode="while", condition="true", max_iter=1_000_000))
    workflow = await room.run()
    await asyncio.sleep(3600)
    state = await room.state(workflow)
    assert state.status == "failed"
    assert state.error is not None
    assert state.error["code"] == "LIMIT_EXCEEDED"
    assert state.error["details"] == {"limit": MOST_EVENTS}
    events = room.told(workflow)
    assert MOST_EVENTS <= len(events) < MOST_EVENTS + 20
    assert not [one for one in events[MOST_EVENTS:] if "started" in one]


@virtually
async def test_signal_1001_is_refused_and_leaves_no_trace(room: Room) -> None:
    room.define(ask("q"))
    workflow = await room.run()
    for number in range(1000):
        await room.signal(workflow, "data", signal="later", n=number)
    before = room.told(workflow)
    with pytest.raises(LimitExceededError):
        await room.signal(workflow, "data", signal="later", n=1000)
    assert room.told(workflow) == before
