"""The parts of a relay: lines out of pieces, what is kept of a conversation, where sockets are."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from opcode_core.errors import StoreError
from opcode_core.local import binding
from opcode_core.relay import place
from opcode_core.relay.conversation import Conversation
from opcode_core.relay.handover import GREETING_ID, number_line, read_number
from opcode_core.relay.lines import Lines
from opcode_core.relay.lock import database_path, lock_path, take_lock


@given(
    st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line), max_size=12),
    st.data(),
)
def test_lines_are_the_same_however_they_come(texts: list[bytes], data: st.DataObject) -> None:
    longest = 8
    whole = b"".join(text + b"\n" for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    lines = Lines(longest)
    seen: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        seen += lines.feed(whole[start:end])
    assert seen == [text + b"\n" for text in texts if len(text) < longest]
    assert lines.skipped == sum(len(text) >= longest for text in texts)
    assert lines.rest == b""


def message(method: str, number: Any = None, **params: Any) -> bytes:
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    return json.dumps(body if number is None else {**body, "id": number}).encode() + b"\n"


def answer(number: Any) -> bytes:
    told = {"jsonrpc": "2.0", "id": number, "result": {}}
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def told_again(talk: Conversation) -> list[tuple[int, bool, Any]]:
    """What a new engine is told: number, whether it is a repetition, and the message's id or method."""
    lines = []
    for line in talk.again():
        number, since, text = read_number(line)
        told = json.loads(text)
        lines.append((number, since is not None, told.get("id", told["method"])))
    return lines


def test_a_new_engine_is_greeted_again_and_told_what_has_no_answer() -> None:
    talk = Conversation()
    assert read_number(talk.from_client(message("initialize", 0)))[0] == 1
    assert told_again(talk) == [(1, True, 0)]
    assert talk.from_engine(answer(0))
    talk.from_client(message("notifications/initialized"))
    talk.from_client(message("tools/call", "a"))
    talk.from_client(message("tools/call", 2))
    assert talk.from_engine(answer("a"))
    assert told_again(talk) == [
        (0, False, GREETING_ID),
        (0, False, "notifications/initialized"),
        (4, True, 2),
    ]
    assert not talk.from_engine(answer(GREETING_ID)), "the client greeted once, and has its answer"
    assert talk.from_engine(answer(2))
    assert talk.answered
    assert talk.held == 0


@pytest.mark.parametrize("number", [1, "1", "x" * 5000, "\u00e9\\\"'", -5])
def test_an_answer_settles_its_call_whatever_its_id(number: Any) -> None:
    talk = Conversation()
    talk.from_client(message("ping", number))
    other = "1" if number == 1 else 1
    assert talk.from_engine(answer(other))
    assert not talk.answered
    assert talk.from_engine(answer(number))
    assert talk.answered


def test_a_cancelled_call_is_not_told_again() -> None:
    talk = Conversation()
    talk.from_client(message("tools/call", 7))
    talk.from_client(message("notifications/cancelled", requestId=7))
    assert talk.answered
    assert talk.again() == []


@pytest.mark.parametrize("line", [b"hello\n", b"[1]\n", b"[" * 5000 + b"\n", b"5\n", b"\xff\n"])
def test_what_is_no_message_goes_to_the_engine_as_it_is(line: bytes) -> None:
    talk = Conversation()
    assert talk.from_client(line) == b"1 " + line
    assert talk.answered


def test_what_the_engine_says_of_itself_is_for_the_client() -> None:
    assert Conversation().from_engine(message("notifications/progress"))


@pytest.mark.parametrize("line", [b"", b"{}", b"x {}", b"-1 {}", b" {}", b"1@x {}", b"12"])
def test_a_line_without_a_number_is_none(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - that is all it says
        read_number(line)


def test_a_number_comes_with_when_it_was_first_sent() -> None:
    assert read_number(number_line(b"{}\n", 3, 1.5)) == (3, 1.5, b"{}\n")
    assert read_number(number_line(b"{}\n", 3, None)) == (3, None, b"{}\n")


def test_a_database_has_one_name(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    names = {
        database_path({"OPCODE_DB_PATH": str(tmp_path / name)}) for name in ("link.db", "real.db")
    }
    assert names == {str(tmp_path / "real.db")}


def test_a_lock_is_one_process_s(tmp_path: Path) -> None:
    path = lock_path(str(tmp_path / "opcode.db"))
    lock = take_lock(path)
    assert lock is not None
    assert take_lock(path) is None
    os.close(lock)
    again = take_lock(path)
    assert again is not None
    os.close(again)


def bound_at(database: Path) -> str:
    lock = take_lock(lock_path(str(database)))
    assert lock is not None
    try:
        bound, path = binding.bind(str(database))
        bound.close()
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
        assert place.find(str(database), lock_path(str(database))) == path
        binding.remove(str(database), path)
        assert not Path(path).exists()
    finally:
        os.close(lock)
    return path


def test_the_socket_is_beside_the_database(tmp_path: Path) -> None:
    assert bound_at(tmp_path / "opcode.db") == f"{tmp_path}/opcode.db.sock"
    assert bound_at(tmp_path / "opcode.db") == f"{tmp_path}/opcode.db.sock"


def test_a_path_too_long_for_a_socket_leads_to_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    runtime = Path("/tmp") / f"opcode-test-{os.getpid()}"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    try:
        path = bound_at(folder / "opcode.db")
        assert place.fits(path)
        assert Path(path).parent == runtime / "opcode"
        assert stat.S_IMODE((runtime / "opcode").stat().st_mode) == 0o700
        (runtime / "opcode").chmod(0o755)
        with pytest.raises(StoreError, match="nobody else can enter"):
            bound_at(folder / "opcode.db")
    finally:
        (runtime / "opcode").rmdir()
        runtime.rmdir()


def test_the_short_path_is_found_without_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / ("d" * 120) / "opcode.db"
    database.parent.mkdir()
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    lock = take_lock(lock_path(str(database)))
    assert lock is not None
    bound, path = binding.bind(str(database))
    try:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        assert place.find(str(database), lock_path(str(database))) == path
    finally:
        bound.close()
        binding.remove(str(database), path)
        os.close(lock)


def test_what_is_no_socket_stays_where_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "opcode.db.sock"
    mine.write_text("mine")
    assert bound_at(tmp_path / "opcode.db") != str(mine)
    assert mine.read_text() == "mine"


HEAVY = (
    "asyncio",
    "logging",
    "mcp",
    "pydantic",
    "orjson",
    "sqlite3",
    "click",
    "pathlib",
    "dataclasses",
)


def test_a_relay_loads_nothing_heavy() -> None:
    code = (
        "import sys, opcode_core.__main__, opcode_core.relay.start, opcode_core.relay.pump; "
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert not set(done.stdout.split()) & set(HEAVY)
