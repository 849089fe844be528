"""What may come over the engine's socket, or lie where it should be."""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opcode_core.cli.client import CallRefusedError, EngineClient, perform
from opcode_core.relay.connection import UnfitEngineError, connect, greeting
from opcode_core.settings import Settings, load_settings
from relay_room import Room, Server, engine_of


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.close()


def connected(room: Room) -> socket.socket:
    engine_of(room.database)
    connection = connect(str(room.database))
    assert connection is not None
    connection.settimeout(20)
    return connection


GARBAGE = {
    "nothing": b"",
    "no JSON": b"hello\n",
    "no greeting": b"{}\n",
    "a number": b"5\n",
    "brackets": b"[" * 100_000 + b"\n",
    "a role there is not": b'{"opcode": "king", "protocol": 1}\n',
    "no end": b"x" * 17_000_000,
    "another version": b'{"opcode": "relay", "protocol": 99}\n',
}


@pytest.mark.parametrize("name", GARBAGE)
def test_who_does_not_greet_is_turned_away(room: Room, name: str) -> None:
    server = room.greeted()
    with connected(room) as connection:
        try:
            connection.sendall(GARBAGE[name])
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass  # it did not even want to hear it all
    assert server.call("query", resource="jobs") == {"jobs": []}


@pytest.mark.parametrize(
    "line", [b"no number\n", b"7\n", b"7 \n", b"7 {}\n", b"7 \xff\n", b"x" * 17_000_000 + b"\n"]
)
def test_a_relay_that_sends_garbage_is_still_listened_to(room: Room, line: bytes) -> None:
    room.greeted()
    with connected(room) as connection, connection.makefile("rb") as lines:
        connection.sendall(greeting("relay", "test") + line)
        connection.sendall(b'8 {"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        assert b'"protocol"' in lines.readline()
        assert lines.readline() == b'{"jsonrpc":"2.0","id":1,"result":{}}\n'


def test_garbage_of_a_relays_client_reaches_the_engine_and_harms_nobody(room: Room) -> None:
    room.greeted()
    relay = room.greeted()
    for line in (b"hello\n", b"\xff\n", b"[" * 100_000 + b"\n", b"a" * 20_000_000 + b"\n"):
        relay.raw(line)
    relay.raw(
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "opcode.query", '
        b'"arguments": {"resource": "jobs", "filter": {"a": NaN}}}}\n'
    )
    assert relay.answer(1)["result"]["isError"] is True
    assert relay.call("query", resource="jobs") == {"jobs": []}
    relay.logged(b"was passed over")


def test_a_client_that_never_reads_holds_up_nobody_else(room: Room) -> None:
    engine = room.greeted()
    relay, deaf = room.greeted(), room.greeted()
    steps = [
        {"id": f"s{number}", "action": "workflow.log", "params": {"message": "x" * 500}}
        for number in range(100)
    ]
    engine.define(*steps)
    deaf.reading.clear()
    for number in range(120):
        deaf.ask("query", number, resource="templates")
    run = relay.call("run", template_name="t", agent_id="me")
    assert run["status"] == "completed"
    assert deaf.memory() < 60 << 10
    deaf.reading.set()
    assert len(deaf.result(119)["templates"]) == 1


def test_the_socket_is_the_owners_alone(room: Room) -> None:
    server = room.greeted()
    found = (room.folder / "opcode.db.sock").lstat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600
    server.hang_up()
    assert server.wait() == 0
    assert not (room.folder / "opcode.db.sock").exists()


def left_behind(path: Path) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()


@pytest.mark.parametrize("what", ["a stale socket", "a file", "a folder", "a dead link"])
def test_what_lies_where_the_socket_should_be_does_not_keep_relays_away(
    room: Room, what: str
) -> None:
    path = room.folder / "opcode.db.sock"
    if what == "a stale socket":
        left_behind(path)
    elif what == "a file":
        path.write_text("mine")
    elif what == "a folder":
        path.mkdir()
    else:
        path.symlink_to(room.folder / "opcode" / "gone.sock")
    room.greeted()
    relay = room.greeted()
    assert relay.call("query", resource="jobs") == {"jobs": []}
    if what == "a file":
        assert path.read_text() == "mine"


def test_a_long_path_has_relays_too(room: Room) -> None:
    room.database = room.folder / ("d" * 120) / "opcode.db"
    room.database.parent.mkdir()
    engine = room.greeted()
    relay = room.greeted()
    assert relay.call("query", resource="jobs") == {"jobs": []}
    engine.kill()
    engine.wait()
    assert relay.call("query", resource="jobs") == {"jobs": []}
    relay.hang_up()
    assert relay.wait() == 0
    assert not (room.database.parent / "opcode.db.sock").is_symlink()


@pytest.mark.parametrize("name", [b"gone", b"\xff\xfe"])
def test_a_folder_that_cannot_be_told_is_the_engine_s(room: Room, name: bytes) -> None:
    folder = room.folder / os.fsdecode(name)
    folder.mkdir()
    room.greeted()
    relay = room.server(folder=folder)
    if name == b"gone":
        folder.rmdir()
    assert relay.greet().call("query", resource="jobs") == {"jobs": []}


def test_another_user_s_engine_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "opcode.db.sock"))
    listening.listen()
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    try:
        with pytest.raises(UnfitEngineError, match=f"uid {user}"):
            connect(str(tmp_path / "opcode.db"))
    finally:
        listening.close()


def test_a_relay_says_when_the_engine_is_of_another_version(room: Room) -> None:
    from opcode_core.relay.lock import lock_path, take_lock

    lock = take_lock(lock_path(str(room.database)))
    assert lock is not None
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{room.database}.sock")
    listening.listen()
    relay = room.server()
    peer, _ = listening.accept()
    peer.sendall(b'{"opcode":"engine","protocol":99,"pid":7}\n')
    assert relay.wait() == 1
    relay.logged(b"another version of opcode")
    for one in (peer, listening):
        one.close()
    os.close(lock)


def settings_of(room: Room) -> Settings:
    return load_settings({"OPCODE_DB_PATH": str(room.database)})


def test_a_command_asks_the_engine_or_does_it_itself(room: Room) -> None:
    settings = settings_of(room)
    step: dict[str, Any] = {"id": "a", "action": "workflow.log", "params": {"message": "x"}}
    perform(settings, "define", name="t", agent_id="me", definition={"steps": [step]})
    server = room.greeted()
    run = perform(settings, "run", template_name="t", agent_id="me")
    assert run["status"] == "completed"
    assert perform(settings, "result", workflow_id=run["workflow_id"])["status"] == "completed"
    with pytest.raises(CallRefusedError, match="no template"):
        perform(settings, "run", template_name="none", agent_id="me")
    with pytest.raises(CallRefusedError, match="no verb"):
        perform(settings, "no.such")
    server.hang_up()
    assert server.wait() == 0
    rows = perform(settings, "query", resource="workflows")["workflows"]
    assert [row["workflow_id"] for row in rows] == [run["workflow_id"]]


def test_a_command_s_client_is_told_when_the_engine_goes(room: Room) -> None:
    server: Server = room.greeted()
    with EngineClient(connected(room)) as client:
        server.kill()
        server.wait()
        with pytest.raises(OSError, match=r"went away|reset|pipe"):
            client.call("query", resource="jobs")


def test_commands_on_the_socket_are_checked(room: Room) -> None:
    room.greeted()
    with connected(room) as connection, connection.makefile("rb") as lines:
        connection.sendall(greeting("command", "test"))
        lines.readline()
        for line in (
            b"no JSON\n",
            b"[]\n",
            b'{"id": 1, "verb": "query", "arguments": 5}\n',
            b'{"id": 2}\n',
        ):
            connection.sendall(line)
            assert b'"error"' in lines.readline()
        connection.sendall(b'{"id": 3, "verb": "query", "arguments": {"resource": "jobs"}}\n')
        assert lines.readline() == b'{"id":3,"answer":{"jobs":[]}}\n'


def test_a_busy_database_without_an_engine_is_said_in_words(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opcode_core.cli import client
    from opcode_core.errors import StoreError
    from opcode_core.relay.lock import lock_path, take_lock

    lock = take_lock(lock_path(str(room.database)))
    assert lock is not None
    monkeypatch.setattr(client, "_SECONDS", 0.1)
    began = time.monotonic()
    with pytest.raises(StoreError, match="does not answer"):
        perform(settings_of(room), "query", resource="jobs")
    assert time.monotonic() - began < 10
    os.close(lock)
