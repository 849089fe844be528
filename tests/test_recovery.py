"""What goes on after the server was away: steps that ran, pauses, deadlines, and what brings the server down."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from crash.actions import traced_actions, traces
from crash.shim import TESTS
from opcode_core import Effect, Params, action
from opcode_core.errors import StoreError
from opcode_core.model.requests import (
    DefineRequest,
    QueryRequest,
    RunRequest,
    SignalRequest,
    StatusRequest,
)
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution
from opcode_core.service import Service
from opcode_core.settings import Settings
from opcode_core.store.sqlite.database import Database
from opcode_core.testing import FakeClock

pytestmark = pytest.mark.anyio
MINUTE = 60.0
DECISION = {
    "id": "ask",
    "type": "reasoning",
    "config": {
        "prompt_context": "Which?",
        "options": [{"id": "one"}, {"id": "two"}],
        "timeout": "30m",
        "fallback": "two",
    },
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class House:
    """A server that can be started again and again on one database, with one clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.settings = Settings(db_path=folder / "x.db", durability="normal")
        self.registry = load_plugins(self.settings)
        self.registry.take(Contribution("c", traced_actions(folder / "trace")))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Service]:
        """The server, for as long as the context lasts."""
        async with open_service(self.settings, registry=self.registry, clock=self.clock) as service:
            yield service

    def done(self) -> Counter[str]:
        """How often the action of each step was done."""
        return Counter(one.step_id for one in traces(self.folder / "trace"))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def step(step_id: str, kind: str, *after: str, **more: Any) -> dict[str, Any]:
    made = {"id": step_id, "type": "action", "action": f"c.{kind}", "params": {"name": step_id}}
    return {**made, **more, **({"depends_on": list(after)} if after else {})}


async def begin(service: Service, *steps: dict[str, Any], wait_ms: int = 5000, **more: Any) -> str:
    await service.define(DefineRequest("t", {"steps": list(steps), **more}, "me"))
    return str((await service.run(RunRequest("t", "me", wait_ms=wait_ms)))["workflow_id"])


async def status(service: Service, workflow_id: str, wait_ms: int = 5000) -> dict[str, Any]:
    return await service.status(StatusRequest(workflow_id, wait_ms=wait_ms, include=("events",)))


async def completed(service: Service, workflow_id: str) -> dict[str, Any]:
    """Where it stands when it has ended, which takes a few turns after its time has come."""
    for _ in range(1000):
        answer = await status(service, workflow_id)
        if answer["status"] == "completed":
            return answer
        await asyncio.sleep(0)
    raise AssertionError(answer["status"])


def kinds(answer: dict[str, Any]) -> Counter[str]:
    return Counter(event["event_type"] for event in answer["events"])


# -------- Time that passed while nothing ran


async def test_a_wait_of_an_hour_is_over_after_an_hour_whatever_happens_between(
    house: House,
) -> None:
    async with house.open() as service:
        wait = {"id": "w", "type": "wait", "config": {"duration": "1h"}}
        workflow_id = await begin(service, wait, step("end", "send", "w"), wait_ms=0)
        await house.clock.next_alarm()
        house.clock.advance(10 * MINUTE)
    house.clock.advance(20 * MINUTE)
    async with house.open() as service:
        assert await house.clock.next_alarm() <= 30 * MINUTE
        house.clock.advance(29 * MINUTE)
        assert (await status(service, workflow_id, 50))["status"] == "active"
        house.clock.advance(1.5 * MINUTE)
        answer = await status(service, workflow_id)
    assert answer["status"] == "completed"
    waited = answer["steps"]["w"]["output"]["waited"]
    assert 60 * MINUTE <= waited / 1000 <= 61 * MINUTE
    assert (kinds(answer)["wait_completed"], house.done()["end"]) == (1, 1)


@pytest.mark.parametrize("away", [5 * MINUTE, 60 * MINUTE])
async def test_a_deadline_of_a_decision_passes_once_whether_or_not_anything_runs(
    house: House, away: float
) -> None:
    async with house.open() as service:
        workflow_id = await begin(service, DECISION, step("end", "send", "ask"))
    house.clock.advance(away)
    async with house.open() as service:
        if away < 30 * MINUTE:
            assert (await status(service, workflow_id))["status"] == "suspended"
            house.clock.advance(26 * MINUTE)
        answer = await completed(service, workflow_id)
        with pytest.raises(Exception, match="chose `two`") as late:
            await service.signal(
                SignalRequest(workflow_id, "decision", {"choice": "one"}, step_id="ask")
            )
    assert getattr(late.value, "code", None) == "CONFLICT"
    assert answer["steps"]["ask"]["output"] == {"choice": "two", "resolved_by": "system"}
    assert (kinds(answer)["decision_resolved"], house.done()["end"]) == (1, 1)


async def test_a_pause_before_another_attempt_is_neither_forgotten_nor_begun_anew(
    house: House,
) -> None:
    retry = {"max": 1, "backoff": "constant", "delay": "10m"}
    async with house.open() as service:
        workflow_id = await begin(service, step("f", "flaky", retry=retry), wait_ms=0)
        await house.clock.next_alarm()
    house.clock.advance(4 * MINUTE)
    async with house.open() as service:
        assert await house.clock.next_alarm() <= 6 * MINUTE
        house.clock.advance(7 * MINUTE)
        answer = await status(service, workflow_id)
    assert (answer["status"], answer["steps"]["f"]["attempts"]) == ("completed", 2)
    assert house.done()["f"] == 2


# -------- Steps that ran


KILLED = """
import asyncio, json, os, sys, threading
from pathlib import Path
import test_recovery as t
from opcode_core import Effect, Params, action

class Way(Params):
    way: str

def bring_down(way):
    trace = os.open(sys.argv[1] + "/deaths", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(trace, b"x")
    if way == "exit":
        os._exit(7)
    os.kill(os.getpid(), 11 if way == "segfault" else 9)
    threading.Event().wait(30)  # until the signal has come

@action("d.pure", effect=Effect.PURE, blocking=True)
def pure(params: Way):
    "Bring the server down."
    bring_down(params.way)

@action("d.unsafe", effect=Effect.UNSAFE)
async def unsafe(params: Way):
    "The same, and it may not be repeated."
    bring_down(params.way)

house = t.House(Path(sys.argv[1]))
house.registry.take(t.Contribution("d", [pure, unsafe]))

async def main():
    async with house.open() as service:
        rows = (await service.query(t.QueryRequest("workflows")))["workflows"]
        if not rows:
            bad = {"id": "bad", "type": "action", "action": "d." + sys.argv[2], "params": {"way": sys.argv[3]}}
            bad.update(json.loads(sys.argv[4]))
            steps = [t.step("first", "put"), {**bad, "depends_on": ["first"]}, t.step("after", "send", "bad")]
            await t.begin(service, *steps)
        else:
            await t.status(service, rows[0]["workflow_id"])

ended = []
while len(ended) < 6 and 0 not in ended:
    child = os.fork()
    if child == 0:
        asyncio.run(main())
        os._exit(0)
    ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(ended))
"""


class Way(Params):
    """As there."""

    way: str


@action("d.unsafe", effect=Effect.UNSAFE)
async def unusable(params: Way) -> None:
    """What brings the server down, where nobody wants it to."""
    raise AssertionError(params.way)


def bring_down(folder: Path, kind: str, way: str, **more: Any) -> list[int]:
    """Start a server whose step brings it down, again and again; give how each of them ended."""
    command = [sys.executable, "-c", KILLED, str(folder), kind, way, json.dumps(more)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    ended: list[int] = json.loads(done.stdout)
    return ended


@pytest.mark.parametrize(
    ("kind", "way", "status_of_death"),
    [("pure", "kill", -signal.SIGKILL), ("pure", "exit", 7), ("pure", "segfault", -signal.SIGSEGV)],
)
async def test_a_step_that_brings_the_server_down_is_given_up_after_three_tries(
    house: House, kind: str, way: str, status_of_death: int
) -> None:
    ended = await asyncio.to_thread(bring_down, house.folder, kind, way)
    assert ended[-1] == 0
    assert set(ended[:-1]) == {status_of_death}
    assert 3 <= len(ended) - 1 <= 4  # of the first try the log may have no word
    async with house.open() as service:
        rows = (await service.query(QueryRequest("workflows")))["workflows"]
        assert [row["status"] for row in rows] == ["failed"]
        assert rows[0]["error"]["code"] == "RECOVERY_EXHAUSTED"
        assert rows[0]["error"]["step_id"] == "bad"
    assert (house.folder / "deaths").read_text() == "x" * (len(ended) - 1)
    assert set(house.done()) == {"first"}


@pytest.mark.parametrize(
    ("more", "deaths", "expected"),
    [
        ({}, 1, ("suspended", "suspended", "INTERRUPTED")),
        ({"on_interrupt": "fail"}, 1, ("failed", "failed", "INTERRUPTED")),
        ({"on_interrupt": "retry"}, 3, ("failed", "failed", "RECOVERY_EXHAUSTED")),
        ({"retry": {"max": 2, "delay": "1ms"}}, 3, ("failed", "failed", "RECOVERY_EXHAUSTED")),
    ],
    ids=["waits", "fails", "runs again", "retried"],
)
async def test_what_becomes_of_an_unsafe_step_that_ran(
    house: House, more: dict[str, Any], deaths: int, expected: tuple[str, str, str]
) -> None:
    await asyncio.to_thread(bring_down, house.folder, "unsafe", "kill", **more)
    assert (house.folder / "deaths").read_text() == "x" * deaths
    house.registry.take(Contribution("d", [unusable]))
    async with house.open() as service:
        rows = (await service.query(QueryRequest("workflows")))["workflows"]
        answer = await status(service, rows[0]["workflow_id"])
        found = answer["steps"]["bad"]
        assert (answer["status"], found["status"], found["error"]["code"]) == expected
        if answer["status"] == "suspended":
            skipped = SignalRequest(answer["workflow_id"], "skip", {}, step_id="bad")
            assert (await service.signal(skipped))["status"] == "completed"
            assert house.done()["after"] == 1


# -------- Signals that cannot be stored


async def test_a_decision_that_cannot_be_stored_leaves_no_trace_and_can_be_made_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.open() as service:
        workflow_id = await begin(service, DECISION, step("end", "send", "ask"))
        commit, full = Database.commit, True

        async def failing(self: Database, work: Any) -> Any:
            if full:
                raise StoreError("the disk is full", {"reason": "full"})
            return await commit(self, work)

        monkeypatch.setattr(Database, "commit", failing)
        one = SignalRequest(workflow_id, "decision", {"choice": "one"}, step_id="ask")
        with pytest.raises(StoreError):
            await service.signal(one)
        answer = await status(service, workflow_id)
        assert (answer["status"], kinds(answer)["signal_received"]) == ("suspended", 0)
        full = False
        assert (await service.signal(one))["status"] == "completed"
        answer = await status(service, workflow_id)
    assert answer["steps"]["ask"]["output"]["choice"] == "one"
    assert kinds(answer)["decision_resolved"] == 1
    assert [event["sequence"] for event in answer["events"]] == list(
        range(1, len(answer["events"]) + 1)
    )
    assert house.done() == Counter({"end": 1})


async def test_the_deadline_of_a_decision_that_was_taken_back_still_passes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.open() as service:
        workflow_id = await begin(service, DECISION, step("end", "send", "ask"))
        commit, full = Database.commit, True

        async def failing(self: Database, work: Any) -> Any:
            if full:
                raise StoreError("the disk is full", {"reason": "full"})
            return await commit(self, work)

        monkeypatch.setattr(Database, "commit", failing)
        with pytest.raises(StoreError):
            await service.signal(
                SignalRequest(workflow_id, "decision", {"choice": "one"}, step_id="ask")
            )
        full = False
        house.clock.advance(31 * MINUTE)
        answer = await completed(service, workflow_id)
    assert answer["steps"]["ask"]["output"]["resolved_by"] == "system"


async def test_who_cancels_a_workflow_does_not_wait_for_a_store_that_fails(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.open() as service:
        wait = {"id": "w", "type": "wait", "config": {"duration": "1h"}}
        workflow_id = await begin(service, wait, wait_ms=0)
        commit, full = Database.commit, True

        async def failing(self: Database, work: Any) -> Any:
            if full:
                raise StoreError("the disk is full", {"reason": "full"})
            return await commit(self, work)

        monkeypatch.setattr(Database, "commit", failing)
        async with asyncio.timeout(5):
            with pytest.raises(StoreError):
                await service.signal(SignalRequest(workflow_id, "cancel", {}))
        full = False
        answer = await status(service, workflow_id)
    assert answer["status"] == "cancelled"
    assert kinds(answer)["workflow_cancelled"] == 1


# -------- A process without resources


SHORT = """
import asyncio, resource, sys
from pathlib import Path
import test_recovery as t

async def main():
    house = t.House(Path(sys.argv[1]))
    async with house.open() as service:
        await t.begin(service, t.step("first", "send"))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        failed = await service.run(t.RunRequest("t", "me"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        again = await service.run(t.RunRequest("t", "me"))
        print(failed["status"], failed["error"]["code"], again["status"])

asyncio.run(main())
"""


def test_without_file_descriptors_a_step_fails_and_the_store_goes_on(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 3
    done = subprocess.run(
        [sys.executable, "-c", SHORT, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["failed", "EXECUTION_ERROR", "completed"], done.stderr


WRITING = """
import asyncio, json, os, random, sys, time
from pathlib import Path
import test_recovery as t

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
target = folder / "written"
house = t.House(folder)
sizes = {"a": 700_000, "b": 900_000}

async def main(pipe):
    async with house.open() as service:
        write = {"id": "w", "type": "action", "action": "fs.write"}
        write["params"] = {"path": str(target), "content": "${{inputs.content}}"}
        await service.define(t.DefineRequest("write", {"steps": [write]}, "me"))
        os.write(pipe, b"x")
        while True:
            for letter, size in sizes.items():
                params = {"content": letter * size}
                answer = await service.run(t.RunRequest("write", "me", params=params))
                assert answer["status"] == "completed", answer

chance, found = random.Random(3), []
for _ in range(rounds):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        asyncio.run(main(writing))
    os.read(reading, 1)
    time.sleep(chance.uniform(0.02, 0.1))
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(reading), os.close(writing)
    text = target.read_text() if target.exists() else ""
    found.append([sorted(set(text)), len(text) in (0, *sizes.values())])
print(json.dumps(found))
"""


def test_a_file_that_was_being_written_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITING, str(tmp_path), "12"],
        env={**os.environ, "PYTHONPATH": str(TESTS), "OPCODE_FS_ROOTS": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert done.stdout, done.stderr.decode()
    found = json.loads(done.stdout)
    assert len(found) == 12
    assert all(whole and len(letters) <= 1 for letters, whole in found)
    assert sum(letters != [] for letters, _ in found) >= 6
