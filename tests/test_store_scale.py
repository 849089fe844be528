"""Many workflows: how soon the server starts beside ten thousand that wait, and lists of a hundred thousand come.

Times are the best of several: others use the machine too.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from opcode_core.model.requests import DefineRequest, RunRequest, SignalRequest, StatusRequest
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.settings import Settings
from opcode_core.store.sqlite.listings import DECISIONS, EVENTS, WORKFLOWS
from opcode_core.store.sqlite.store import SqliteStore, open_store

pytestmark = pytest.mark.anyio
WAITING = 10_000
ENDED = 100_000
START_SECONDS = 2.0
PAGE_SECONDS = 0.02
ASK = {
    "steps": [
        {
            "id": "ask",
            "type": "reasoning",
            "config": {"prompt_context": "Which?", "options": [{"id": "one"}], "timeout": "30d"},
        }
    ]
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_ten_thousand_that_wait_do_not_keep_the_server_from_starting(tmp_path: Path) -> None:
    settings = Settings(db_path=tmp_path / "x.db", durability="normal")
    registry = load_plugins(settings)
    async with open_service(settings, registry=registry) as service:
        await service.define(DefineRequest("ask", ASK, "me"))
        waiting = await service.run(RunRequest("ask", "me"))
        assert waiting["status"] == "suspended"
    multiply(settings.db_path, waiting["workflow_id"])
    began = time.monotonic()
    async with open_service(settings, registry=registry) as service:
        took = time.monotonic() - began
        assert len(service._engine._alarms) == WAITING
        assert len(asyncio.all_tasks()) < 20
        assert service._engine.running == []
        answer = await service.signal(
            SignalRequest("copy-5000", "decision", {"choice": "one"}, agent_id="me")
        )
        assert answer["status"] == "completed"
        other = await service.status(StatusRequest("copy-5001"))
        assert other["status"] == "suspended"
    assert took < START_SECONDS


def multiply(path: Path, workflow_id: str) -> None:
    """Let there be as many as that one."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            f"""
            CREATE TEMP TABLE numbers AS
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {WAITING - 1}) SELECT i FROM n;
            INSERT INTO workflows (workflow_id, template_name, template_version, status, agent_id, created_at, wakes_at)
                SELECT 'copy-' || i, template_name, template_version, status, agent_id, created_at, wakes_at + i
                FROM workflows, numbers WHERE workflow_id = '{workflow_id}';
            INSERT INTO events (workflow_id, sequence, event_type, step_id, payload, agent_id, timestamp)
                SELECT 'copy-' || i, sequence, event_type, step_id, payload, agent_id, timestamp
                FROM events, numbers WHERE workflow_id = '{workflow_id}';
            """
        )


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a hundred thousand workflows that have ended."""
    path = tmp_path_factory.mktemp("ended") / "x.db"

    async def begin() -> None:
        await (await open_store(path, "normal")).close()

    asyncio.run(begin())
    started = json.dumps({"template_name": "t", "inputs": {"a": 1}})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            f"""
            CREATE TEMP TABLE numbers AS
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ENDED}) SELECT i FROM n;
            INSERT INTO workflows
                (workflow_id, template_name, template_version, status, agent_id, created_at, completed_at)
                SELECT printf('w%08d', i), 't' || (i % 50), 'v1', 'completed', 'agent' || (i % 7), i * 1000, i * 1000
                FROM numbers;
            INSERT INTO events (workflow_id, sequence, event_type, payload, timestamp)
                SELECT printf('w%08d', i), s, iif(s = 1, 'workflow_started', 'workflow_completed'),
                    iif(s = 1, '{started}', '{{"output":null}}'), i * 1000
                FROM numbers, (SELECT 1 AS s UNION SELECT 2);
            """
        )
    return path


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 50),
        ({"status": "completed"}, 50),
        ({"status": "failed"}, 0),
        ({"template_name": "t3"}, 50),
        ({"template_name": "other"}, 0),
        ({"agent_id": "agent2"}, 50),
        ({"since": 0}, 50),
        ({"since": (ENDED - 9) * 1000}, 10),
        ({"since": (ENDED - 9) * 1000, "status": "completed"}, 10),
        ({"status": "completed", "agent_id": "agent2"}, 50),
        ({"status": "failed", "template_name": "t3"}, 0),
        ({"status": "completed", "agent_id": "agent2", "template_name": "t3"}, 50),
    ],
)
async def test_lists_of_a_hundred_thousand_come_at_once(
    ended: Path, filters: dict[str, Any], count: int
) -> None:
    store = await open_store(ended, "normal")
    times = []
    for _ in range(5):
        began = time.perf_counter()
        first = await store.list_workflows(filters, 50, None)
        times.append(time.perf_counter() - began)
    second = []
    if first.next is not None:
        began = time.perf_counter()
        second = (await store.list_workflows(filters, 50, first.next)).rows
        times.append(time.perf_counter() - began)
    assert len(first.rows) == count
    assert len({row["workflow_id"] for row in (*first.rows, *second)}) == count + len(second)
    assert min(times) < PAGE_SECONDS
    await store.close()


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"status": "failed", "template_name": "t3"}, "workflows_by_status"),
        ({"status": "completed", "template_name": "t3"}, "workflows_by_template"),
        ({"template_name": "t3", "agent_id": "nobody"}, "workflows_by_agent"),
        ({"template_name": "t3", "agent_id": "agent2", "since": 0}, "workflows_by_template"),
        ({"status": "completed", "template_name": "x", "agent_id": "me"}, "workflows_by_agent"),
        ({"status": "completed", "agent_id": "agent2"}, "workflows_by_agent"),
    ],
)
async def test_of_several_filters_that_with_the_fewest_workflows_leads(
    ended: Path, filters: dict[str, Any], index: str
) -> None:
    with closing(sqlite3.connect(ended)) as connection:
        counting = WORKFLOWS.counting(filters)
        assert counting is not None
        counts = connection.execute(*counting).fetchone()
        sql, values = WORKFLOWS.statement(filters, 50, None, counts)
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert len(plan) == 1  # nothing is sorted
    assert f"USING INDEX {index} " in plan[0]


async def test_the_pending_decisions_of_one_workflow_are_found_without_the_others(
    ended: Path,
) -> None:
    filters = {"status": "pending", "workflow_id": "w00000001"}
    with closing(sqlite3.connect(ended)) as connection:
        rows = [(f"d{n}", f"w{n:08d}", "a", "pending", None, n, "{}") for n in range(100)]
        connection.executemany("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        counting = DECISIONS.counting(filters)
        assert counting is not None
        counts = connection.execute(*counting).fetchone()
        sql, values = DECISIONS.statement(filters, 50, None, counts)
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert counts == (1, 100)
    assert "USING INDEX decisions_by_workflow " in plan[0]


@pytest.mark.parametrize("event_type", ["workflow_failed", "nothing", "it's"])
async def test_events_of_a_rare_type_are_found_without_looking_at_the_others(
    ended: Path, event_type: str
) -> None:
    sql, values = EVENTS.statement({"event_type": event_type, "since": 0}, 50, None)
    with closing(sqlite3.connect(ended)) as connection:
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))
    assert "events_rare (event_type=?)" in plan
    assert "TEMP B-TREE" not in plan  # in their order already
    store = await open_store(ended, "normal")
    times = []
    for _ in range(5):
        began = time.perf_counter()
        page = await store.list_events({"event_type": event_type}, 50, None)
        times.append(time.perf_counter() - began)
    assert page.rows == []
    assert min(times) < PAGE_SECONDS
    await store.close()


async def test_rare_events_are_listed_from_page_to_page(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "x.db", "normal")
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO events (workflow_id, sequence, event_type, timestamp) VALUES (?, ?, ?, 1)",
            [(f"w{n}", n, ("rare", "other", "step_started")[n % 3]) for n in range(9)],
        )
    found, cursor = [], None
    for _ in range(3):
        page = await store.list_events({"event_type": "rare"}, 1, cursor)
        found += [row["workflow_id"] for row in page.rows]
        cursor = page.next
    assert (found, cursor) == (["w0", "w3", "w6"], None)
    assert len((await store.list_events({"event_type": "step_started"}, 9, None)).rows) == 3
    await store.close()


async def test_events_of_one_among_a_hundred_thousand_come_at_once(ended: Path) -> None:
    store: SqliteStore = await open_store(ended, "normal")
    times = []
    for number in range(1, 6):
        began = time.perf_counter()
        page = await store.list_events({"workflow_id": f"w{number * 10_000:08d}"}, 50, None)
        times.append(time.perf_counter() - began)
        assert len(page.rows) == 2
    assert min(times) < PAGE_SECONDS
    assert await store.list_unfinished() == []
    await store.close()
