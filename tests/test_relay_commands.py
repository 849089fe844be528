"""`opcode run --db` on a database whose engine is another process, and as the engine itself."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from relay_room import SECONDS, Room, engine_of, environment, until


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.close()


def opcode(room: Room, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "opcode_core", *arguments],
        cwd=room.folder,
        env=environment(room.folder / "other.db"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def file_of(room: Room, *steps: dict[str, Any]) -> str:
    path = room.folder / "flow.json"
    path.write_text(json.dumps({"steps": list(steps)}))
    return str(path)


def shell(step_id: str, command: str, **more: Any) -> dict[str, Any]:
    params = {"command": command, "shell": True}
    return {"id": step_id, "action": "shell.exec", "params": params, **more}


def test_a_run_is_the_engines_when_there_is_one(room: Room) -> None:
    server = room.greeted()
    fail = {"id": "b", "action": "workflow.fail", "params": {"reason": "no"}, "depends_on": ["a"]}
    file = file_of(room, shell("a", "pwd > where"), fail)
    done = opcode(room, "run", file, "--db", str(room.database))
    out, err = done.communicate(timeout=SECONDS)
    assert done.returncode == 1, err
    assert (room.folder / "where").read_text().strip() == str(room.folder)
    assert out.index("✓") < out.index("✗") < out.index("failed")
    (row,) = server.call("query", resource="workflows")["workflows"]
    assert (row["status"], row["agent_id"]) == ("failed", "command-line")
    bad = opcode(
        room, "run", file_of(room, shell("a", "x"), {"id": "n"}), "--db", str(room.database)
    )
    assert bad.wait(SECONDS) == 2
    bad.communicate()


def test_ctrl_c_cancels_a_run_in_another_process(room: Room) -> None:
    server = room.greeted()
    file = file_of(room, shell("a", "touch begun; sleep 30"))
    running = opcode(room, "run", file, "--db", str(room.database), "--json")
    until((room.folder / "begun").exists, "it has begun")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=SECONDS)
    assert running.returncode == 130, err
    assert json.loads(out)["status"] == "cancelled"
    (row,) = server.call("query", resource="workflows")["workflows"]
    assert row["status"] == "cancelled"


def test_a_command_that_is_the_engine_serves_relays_until_it_ends(room: Room) -> None:
    file = file_of(room, shell("a", "touch begun; until test -e done; do sleep 0.02; done"))
    running = opcode(room, "run", file, "--db", str(room.database), "--json")
    until((room.folder / "begun").exists, "it has begun")
    assert engine_of(room.database) == running.pid
    relay = room.greeted()
    (row,) = relay.call("query", resource="workflows")["workflows"]
    assert row["status"] == "active"
    (room.folder / "done").touch()
    out, err = running.communicate(timeout=SECONDS)
    assert running.returncode == 0, err
    assert json.loads(out)["status"] == "completed"
    assert relay.call("status", workflow_id=row["workflow_id"])["status"] == "completed"
    assert engine_of(room.database) == relay.pid


def test_the_engine_that_goes_is_told_to_who_watches_a_run(room: Room) -> None:
    server = room.greeted()
    file = file_of(room, shell("a", "touch begun; sleep 30"))
    running = opcode(room, "run", file, "--db", str(room.database))
    until((room.folder / "begun").exists, "it has begun")
    server.kill()
    _, err = running.communicate(timeout=SECONDS)
    assert running.returncode == 1
    assert "the engine of the database went away" in err
    assert "Traceback" not in err
