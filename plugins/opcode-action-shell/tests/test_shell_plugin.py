"""shell.exec: what a command gets and gives, and that all of it ends."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by their names

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from opcode_action_shell.execute import parse_output
from opcode_core import ExecutionError, NotFoundError, PermissionDeniedError, ValidationError
from shell_room import BARE, Room, anyio_backend, kill, room, running, until

pytestmark = pytest.mark.anyio


async def test_arguments_are_handed_over_as_they_are(room: Room) -> None:
    done = await room.run("printf", "[%s]", "a b", "$HOME", "; echo x", "", 5, 1.5, True)
    assert done["stdout"] == "[a b][$HOME][; echo x][][5][1.5][true]"
    assert (done["exit_code"], done["killed"], done["stderr"]) == (0, False, "")
    assert (await room.run('echo "$1|$2"', "; id", 2, shell=True))["stdout"] == "; id|2\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}\n', {"a": 1}),
        ("[1,\n2]\n", [1, 2]),
        ("42\n", 42),
        ("true\n", True),
        ("null\n", None),
        ('"x"\n', "x"),
        ("1\n2\n", "1\n2\n"),
        ("", ""),
        ("text", "text"),
        ("NaN\n", "NaN\n"),
        ("99999999999999999999\n", "99999999999999999999\n"),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ("[" * 500, "[" * 500),
    ],
)
async def test_output_is_parsed_when_it_is_one_json_value(text: str, value: Any) -> None:
    assert parse_output(text) == value


async def test_the_environment_is_small_and_has_nothing_of_ours(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPCODE_VAULT_KEY", "hush")
    monkeypatch.setenv("DATABASE_URL", "postgres://x")
    done = await room.run("env", env={"GREETING": "hello"})
    names = {line.split("=")[0] for line in done["stdout_raw"].splitlines()}
    assert names == {"PATH", "HOME", "LANG", "TMPDIR", "GREETING"}


async def test_input_is_a_string_json_or_nothing(room: Room) -> None:
    assert (await room.run("cat", stdin="a\nb"))["stdout"] == "a\nb"
    assert (await room.run("cat", stdin={"k": [1]}))["stdout"] == {"k": [1]}
    assert (await room.run("cat"))["stdout"] == ""
    large = "x" * 3_000_000
    assert (await room.run("wc", "-c", stdin=large))["stdout"] == 3_000_000


@pytest.mark.parametrize("bare", [False, True], ids=["contained", "bare"])
async def test_when_its_time_is_up_all_of_it_ends(room: Room, *, bare: bool) -> None:
    await room.machine(**BARE if bare else {})
    text = "setsid sleep 30.25 & (setsid sh -c 'sleep 30.25; true' &) & sleep 30.25 & echo here; sleep 30.25"
    began = time.monotonic()
    done = await room.sh(text, timeout="400ms")
    assert time.monotonic() - began < 2.4
    assert (done["killed"], done["exit_code"], done["stdout"]) == (True, -1, "here\n")
    assert running("sleep\x0030.25") == []


@pytest.mark.parametrize("bare", [False, True], ids=["contained", "bare"])
async def test_what_ignores_the_wish_that_it_ends_is_ended(room: Room, *, bare: bool) -> None:
    await room.machine(**BARE if bare else {})
    text = "trap '' TERM HUP INT; setsid sh -c \"trap '' TERM HUP; sleep 30.5; sleep 30.5\" & sleep 30.5; sleep 30.5"
    done = await room.sh(text, timeout="300ms")
    assert done["killed"]
    assert running("sleep\x0030.5") == []


@pytest.mark.parametrize("bare", [False, True], ids=["contained", "bare"])
async def test_what_a_command_leaves_behind_ends_with_it(room: Room, *, bare: bool) -> None:
    await room.machine(**BARE if bare else {})
    began = time.monotonic()
    done = await room.sh("setsid sleep 30.75 >/dev/null 2>&1 & echo now")
    assert time.monotonic() - began < 5
    assert (done["stdout"], done["exit_code"]) == ("now\n", 0)
    assert running("sleep\x0030.75") == []


async def test_cancelling_ends_the_command(room: Room) -> None:
    task = asyncio.ensure_future(room.sh("setsid sleep 31.25 & sleep 31.25"))
    assert await until(lambda: task.done() or len(running("sleep\x0031.25")) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running("sleep\x0031.25") == []


async def test_a_pipe_that_is_held_open_does_not_hold_the_step(room: Room) -> None:
    began = time.monotonic()
    done = await room.sh("sleep 20 & echo now")
    assert time.monotonic() - began < 10
    assert done["stdout"] == "now\n"


async def test_output_is_kept_to_a_cap_and_counted(room: Room) -> None:
    done = await room.sh("head -c 12000000 /dev/zero | tr '\\0' x")
    assert (done["truncated"], done["stdout_bytes"], len(done["stdout_raw"])) == (
        True,
        12_000_000,
        10 << 20,
    )


async def test_the_cap_of_output_can_be_set(room: Room) -> None:
    room.settings["shell.max_output_bytes"] = 1000
    done = await room.sh("head -c 5000 /dev/zero | tr '\\0' x; head -c 5000 /dev/zero >&2")
    assert (done["stdout_bytes"], len(done["stdout_raw"]), len(done["stderr"])) == (
        5000,
        1000,
        1000,
    )


async def test_exit_codes_are_data_unless_told_otherwise(room: Room) -> None:
    assert (await room.sh("exit 3"))["exit_code"] == 3
    assert (await room.sh("kill -TERM $$; echo no"))["exit_code"] == 143
    with pytest.raises(ExecutionError) as caught:
        await room.sh("echo trouble >&2; exit 3", fail_on_nonzero=True)
    assert caught.value.details == {"exit_code": 3, "killed": False, "stderr": "trouble\n"}


async def test_what_cannot_be_run_is_said(room: Room) -> None:
    (room.folder / "plain.txt").write_text("x", encoding="utf-8")
    (room.folder / "nonsense").write_bytes(b"\x7fELF nonsense")
    (room.folder / "nonsense").chmod(0o755)
    with pytest.raises(NotFoundError):
        await room.run("no-such-program-here")
    with pytest.raises(NotFoundError):
        await room.run("true", cwd="nowhere")
    with pytest.raises(PermissionDeniedError):
        await room.run("./plain.txt")
    with pytest.raises(ValidationError):
        await room.run("echo", "a\0b")
    with pytest.raises(ExecutionError, match="could not be started"):
        await room.run("./nonsense")


async def test_many_commands_at_once_keep_apart(room: Room) -> None:
    done = await asyncio.gather(*(room.run("echo", f"n{index}") for index in range(24)))
    assert [one["stdout"] for one in done] == [f"n{index}\n" for index in range(24)]


async def test_no_descriptor_is_left_open(room: Room) -> None:
    await room.run("true")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        await room.run("cat", stdin="x")
    with pytest.raises(NotFoundError):
        await room.run("no-such-program-here")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_a_nursery_that_was_ended_is_started_again(room: Room) -> None:
    await room.run("true")
    process = room.nursery._process
    assert process is not None
    kill(process.pid)
    assert (await room.run("echo", "again"))["stdout"] == "again\n"


SERVER = """
import asyncio, sys
from opcode_action_shell.launch import Nursery
from opcode_action_shell.process import run_process

async def main():
    words = ["/bin/sh", "-c", "setsid sleep 31.75 & sleep 31.75"]
    order = dict(words=words, env={"PATH": "/bin:/usr/bin"}, cwd="/", writable=None, namespaces=sys.argv[1] == "True",
                 proc=False, confined=True, network=True, processes=100, limits={})
    await run_process(Nursery(), order, stdin=None, seconds=60)

asyncio.run(main())
"""


@pytest.mark.parametrize("bare", [False, True], ids=["contained", "bare"])
async def test_a_command_ends_with_the_server_however_that_goes(room: Room, *, bare: bool) -> None:
    namespaces = not bare and (await room.machine()).namespaces
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, str(namespaces))
    assert await until(lambda: len(running("sleep\x0031.75")) == 2)
    server.kill()
    await server.wait()
    assert await until(lambda: not running("sleep\x0031.75"))
