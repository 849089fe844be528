"""opcode doctor: what it says about a machine, its settings and its database, and when it calls them broken."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.settings import Settings
from opcode_core.store.sqlite.checkup import check_database

SECTIONS = ["versions", "settings", "plugins", "shell", "database", "limits", "clock"]


def doctor(folder: Path, *words: str, **environment: str) -> tuple[int, dict[str, Any]]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OPCODE_")}
    done = subprocess.run(
        [sys.executable, "-m", "opcode_core", "doctor", "--json", *words],
        cwd=folder,
        env=env | {"OPCODE_DB_PATH": str(folder / "o.db")} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def states(found: dict[str, Any], section: str) -> dict[str, str]:
    return {one["topic"]: one["state"] for one in found[section]}


def texts(found: dict[str, Any], section: str) -> dict[str, str]:
    return {one["topic"]: one["text"] for one in found[section]}


def store_something(path: Path) -> None:
    async def run() -> None:
        registry = load_plugins(Settings(plugins_allow=("steps", "cel", "crypto")))
        async with open_service(Settings(db_path=path), registry=registry) as service:
            steps = [{"id": "a", "action": "crypto.uuid"}]
            await service.define(DefineRequest("t", {"steps": steps}, "me"))
            await service.run(RunRequest("t", "me", wait_ms=10_000))

    asyncio.run(run())


@pytest.mark.promise("safe.shell-sandbox")
def test_a_machine_without_a_database_is_healthy(tmp_path: Path) -> None:
    code, found = doctor(tmp_path)
    assert (code, found["healthy"]) == (0, True)
    assert [name for name in found if name != "healthy"] == SECTIONS
    assert states(found, "versions") == dict.fromkeys(states(found, "versions"), "ok")
    assert states(found, "plugins")["shell"] == "ok"
    assert states(found, "database")["file"] == "off"
    assert not (tmp_path / "o.db").exists()
    assert not (tmp_path / "o.db.lock").exists()
    assert {"namespaces", "landlock", "network", "limits"} <= set(states(found, "shell"))
    assert texts(found, "limits")["events"] == "50000"
    assert texts(found, "clock")["now"].endswith("Z")


def test_people_get_the_same_in_lines(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "opcode_core", "doctor"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert [line for line in done.stdout.splitlines() if not line.startswith(" ")] == SECTIONS


def test_what_is_switched_off_or_asked_for_in_vain_is_said(tmp_path: Path) -> None:
    _, found = doctor(tmp_path, OPCODE_SANDBOX="off", OPCODE_DISABLED_PLUGINS="jq")
    assert states(found, "shell")["landlock"] == "off"
    assert states(found, "shell")["namespaces"] == "off"
    assert states(found, "plugins")["jq"] == "off"
    assert "plugins.disable" in texts(found, "plugins")["jq"]
    _, found = doctor(tmp_path, OPCODE_DISABLED_PLUGINS="shell")
    assert "shell" not in found


def test_settings_that_cannot_be_used_are_broken_and_all_are_named(tmp_path: Path) -> None:
    (tmp_path / "opcode.toml").write_text("limits.steps = 0\nfs.root = []\n", encoding="utf-8")
    code, found = doctor(tmp_path)
    assert (code, found["healthy"]) == (1, False)
    assert [one["state"] for one in found["settings"]] == ["broken", "broken"]
    assert "/limits/steps" in found["settings"][0]["text"]


def test_a_database_is_looked_through_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    store_something(path)
    before = path.read_bytes()
    code, found = doctor(tmp_path)
    assert code == 0
    shown = texts(found, "database")
    assert states(found, "database")["integrity"] == "ok"
    assert shown["histories"] == "1 workflows with 4 events, none missing"
    assert "nobody holds it" in shown["lock"]
    assert path.read_bytes() == before


def test_who_holds_the_lock_is_named(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    store_something(path)
    with (tmp_path / "o.db.lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = {one.topic: one.text for one in check_database(path)}
    assert found["lock"] == f"held by process {os.getpid()}, the engine"


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 8192)


def lose_an_event(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM events WHERE sequence = 2")
        connection.commit()


def alter_an_event(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE events SET agent_id = 'somebody else' WHERE sequence = 1")
        connection.commit()


def take_over(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 1")


def grow(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")


def scribble(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)


@pytest.mark.parametrize(
    ("harm", "topic", "word"),
    [
        (damage, "integrity", "restore it from a backup"),
        (lose_an_event, "histories", "1 of 1 workflows lack events"),
        (alter_an_event, "integrity", "damaged"),
        (take_over, "schema", "another program"),
        (grow, "schema", "use a newer opcode"),
        (scribble, "integrity", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_database_is_said(
    tmp_path: Path, harm: Any, topic: str, word: str
) -> None:
    path = tmp_path / "o.db"
    store_something(path)
    harm(path)
    found = {one.topic: one for one in check_database(path)}
    assert found[topic].state == "broken"
    assert word in found[topic].text


def test_a_database_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    store_something(path)
    path.chmod(0o644)
    found = {one.topic: one for one in check_database(path)}
    assert (found["file"].state, "chmod 600" in found["file"].text) == ("warning", True)


def test_a_folder_that_is_missing_is_broken(tmp_path: Path) -> None:
    code, found = doctor(tmp_path, OPCODE_DB_PATH=str(tmp_path / "no" / "o.db"))
    assert (code, states(found, "database")["file"]) == (1, "broken")
