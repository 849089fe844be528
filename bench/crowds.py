"""Many workflows: thousands that wait for a decision, and a hundred thousand that have ended."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
from measure import Figure, figure, single
from opcode_core.model.events import Event
from opcode_core.model.requests import DefineRequest, QueryRequest, RunRequest
from opcode_core.model.state import WorkflowState
from opcode_core.moments import parse_time
from opcode_core.opening import open_service
from opcode_core.service import Service
from opcode_core.settings import Settings
from opcode_core.store.sqlite.store import open_store
from shapes import registry
from wire import Server, opcode_server

_AGENT = "bench"
_QUESTION = {
    "prompt_context": "Shall it go on?",
    "options": [{"id": "yes"}, {"id": "no"}],
    "timeout": "24h",
    "fallback": "no",
}
_ASKING = {
    "steps": [
        {"id": "first", "action": "crypto.uuid"},
        {"id": "ask", "type": "reasoning", "depends_on": ["first"], "config": _QUESTION},
    ]
}
_AT_ONCE = 50
_TO_ANSWER = 50


def measure_waiting(scale: float) -> list[Figure]:
    """Start workflows that ask for a decision, start the server anew, and answer some."""
    count = 10_000 if scale >= 1 else 1000
    starts = max(3, round(5 * scale))
    with tempfile.TemporaryDirectory() as folder:
        server = opcode_server(folder)
        server.call("define", name="ask", agent_id=_AGENT, definition=_ASKING)
        asked = _ask(server, 200)
        rest = server.memory()
        began = time.perf_counter()
        asked += _ask(server, count - 200)
        took = (time.perf_counter() - began) / (count - 200) * 1000
        grown = server.memory() - rest
        server.end()
        empty, none = _starts(None, starts)
        full, kept = _starts(folder, starts)
        answered = _answers(folder, asked)
    over = (statistics.median(full) - statistics.median(empty)) * 1000
    return [
        single(
            "starting one, and the answer that it asks",
            took,
            "ms",
            note=f"{_AT_ONCE} calls at once",
        ),
        single(f"memory for {count} of them, as they came", grown, "MiB", 60.0 * count / 10_000),
        single(
            f"memory for {count} of them, after a start", kept - none, "MiB", 60.0 * count / 10_000
        ),
        figure(f"start to the first answer over {count} of them", full, 2000.0),
        figure("start to the first answer over none", empty),
        single("what they add to a start", over, "ms"),
        figure("one of them answered, to the end of its run", answered, 20.0),
    ]


def _ask(server: Server, count: int) -> list[str]:
    call = {"name": "opcode.run", "arguments": {"template_name": "ask", "agent_id": _AGENT}}
    found: list[str] = []
    while len(found) < count:
        answers = server.ask_all("tools/call", call, min(_AT_ONCE, count - len(found)))
        for answer in answers:
            if answer["structuredContent"].get("status") != "suspended":
                raise AssertionError(answer)
            found.append(answer["structuredContent"]["workflow_id"])
    return found


def _starts(folder: str | None, count: int) -> tuple[list[float], float]:
    """How long starts take, over this folder's database or an empty one, and what the last one holds in memory."""
    times, memory = [], 0.0
    for _ in range(count):
        with tempfile.TemporaryDirectory() as empty:
            began = time.perf_counter()
            server = opcode_server(folder or empty)
            server.call("query", resource="jobs")
            times.append(time.perf_counter() - began)
            memory = server.memory()
            server.end()
    return times, memory


def _answers(folder: str, asked: list[str]) -> list[float]:
    server = opcode_server(folder)
    times = []
    for workflow_id in asked[:: len(asked) // _TO_ANSWER]:
        began = time.perf_counter()
        answer = server.call(
            "signal",
            workflow_id=workflow_id,
            signal_type="decision",
            payload={"choice": "yes"},
            agent_id=_AGENT,
        )
        times.append(time.perf_counter() - began)
        if answer["status"] != "completed":
            raise AssertionError(answer)
    server.end()
    return times[1:]  # the first one has the template compiled


async def measure_listing(scale: float) -> list[Figure]:
    """List in parts what a hundred thousand workflows left."""
    count = 100_000 if scale >= 1 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(db_path=Path(folder) / "bench.db", durability="normal")
        known = registry()
        async with open_service(settings, registry=known) as service:
            seeds = await _seed(service)
        await _multiply(settings.db_path, seeds, count)
        async with open_service(settings, registry=known) as service:
            return await _queries(service, count, max(5, round(20 * scale)))


async def _seed(service: Service) -> list[list[dict[str, Any]]]:
    """Run two workflows, to be copied, one that completes and one that fails; give their events."""
    found = []
    for name, action, params in (
        ("good", "crypto.uuid", {}),
        ("bad", "workflow.fail", {"reason": "so"}),
    ):
        steps = [
            {"id": "first", "action": "crypto.uuid"},
            {"id": "end", "action": action, "params": params, "depends_on": ["first"]},
        ]
        await service.define(DefineRequest(name, {"steps": steps}, _AGENT))
        workflow_id = (await service.run(RunRequest(name, _AGENT)))["workflow_id"]
        found.append(
            (await service.query(QueryRequest("events", {"workflow_id": workflow_id})))["events"]
        )
    return found


async def _multiply(path: Path, seeds: list[list[dict[str, Any]]], count: int) -> None:
    """Store copies under other ids, one failed one among a hundred, of a hundred agents, each a millisecond later."""
    good, bad = ([(one, orjson.dumps(one.get("payload"))) for one in seed] for seed in seeds)
    began = parse_time(good[0][0]["timestamp"])
    store = await open_store(path, "normal")
    for n in range(count):
        state = WorkflowState(f"{n:08}")
        for one, payload in bad if n % 100 == 0 else good:
            event = Event(
                state.workflow_id,
                one["sequence"],
                one["event_type"],
                one.get("step_id"),
                one.get("payload"),
                f"agent {n % 100}" if one["sequence"] == 1 else None,
                began + n * 1000,
                len(payload),
            )
            state.apply(event)
            store.journal.append(event, payload if "payload" in one else None, state)
        if n % 1000 == 0:
            await store.journal.stored(state.workflow_id)
    await store.close()


async def _queries(service: Service, count: int, runs: int) -> list[Figure]:
    middle = None
    first = await service.query(QueryRequest("workflows", {"limit": 500}))
    for _ in range(20):
        found = await service.query(
            QueryRequest("workflows", {"limit": 500, "cursor": middle or first["next"]})
        )
        middle = found["next"]
    last = first["workflows"][0]
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("the first page of workflows", "workflows", {}),
        ("500 of them, ten thousand further on", "workflows", {"cursor": middle, "limit": 500}),
        ("the failed ones, one of a hundred", "workflows", {"status": "failed"}),
        ("those of one agent of a hundred", "workflows", {"agent_id": "agent 7"}),
        ("those of an agent there is none of", "workflows", {"agent_id": "nobody"}),
        ("those since the last one", "workflows", {"since": last["created_at"]}),
        ("the events of one", "events", {"workflow_id": last["workflow_id"]}),
        ("the failures among all events", "events", {"event_type": "workflow_failed"}),
        ("an event that nobody has emitted", "events", {"event_type": "nothing"}),
    ]
    figures: list[Figure] = []
    for name, resource, filters in asked:
        times = []
        for _ in range(runs):
            began = time.perf_counter()
            await service.query(QueryRequest(resource, filters))
            times.append(time.perf_counter() - began)
        figures.append(figure(name, times, 20.0, "" if figures else f"of {count}"))
    return figures
