"""What data must not decide about a command, and what a command must not do to what is around it."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by their names

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from opcode_action_shell.guard import check_command, judge_command
from opcode_action_shell.isolation import choose
from opcode_action_shell.launch import Machine
from opcode_core import IsolationError, PermissionDeniedError
from shell_room import BARE, Room, anyio_backend, room, running

pytestmark = pytest.mark.anyio
LOADERS = [
    "LD_PRELOAD",
    "PYTHONPATH",
    "BASH_ENV",
    "NODE_OPTIONS",
    "PATH",
    "DYLD_X",
    "BASH_FUNC_x%%",
]


@pytest.mark.parametrize("name", LOADERS)
async def test_data_loads_no_code_into_a_process(room: Room, name: str) -> None:
    room.provenance.brought_in["env", name] = "inputs"
    with pytest.raises(PermissionDeniedError):
        await room.run("true", env={name: "/tmp/x"})


async def test_the_definition_may_set_loader_variables_unless_policy_says_no(room: Room) -> None:
    assert (await room.run("true", env={"PYTHONPATH": "/x"}))["exit_code"] == 0
    room.settings["shell.allow_loader_variables"] = False
    with pytest.raises(PermissionDeniedError) as caught:
        await room.run("true", env={"PYTHONPATH": "/x"})
    assert caught.value.details == {
        "rule": "shell.allow_loader_variables",
        "variable": "PYTHONPATH",
    }


async def test_data_names_no_command(room: Room) -> None:
    room.provenance.brought_in["command",] = "steps"
    with pytest.raises(PermissionDeniedError) as caught:
        await room.run("true")
    assert caught.value.details == {"rule": "shell.allow_command_references"}
    room.settings["shell.allow_command_references"] = True
    assert (await room.run("true"))["exit_code"] == 0
    with pytest.raises(PermissionDeniedError):
        await room.sh("true")


async def test_only_listed_commands_run(room: Room) -> None:
    room.settings["shell.commands"] = ["echo", "/srv/tools/*"]
    assert (await room.run("echo", "x"))["stdout"] == "x\n"
    for refused in ("env", "/bin/cat"):
        with pytest.raises(PermissionDeniedError) as caught:
            await room.run(refused)
        assert caught.value.details is not None
        assert caught.value.details["rule"] == "shell.commands"
    with pytest.raises(PermissionDeniedError):
        await room.sh("echo x")


async def test_a_listed_name_is_not_taken_by_another_program(room: Room) -> None:
    """A name in the list is what the server finds, not what a folder of the workflow's has under that name."""
    room.settings["shell.commands"] = ["echo"]
    false_one = room.folder / "echo"
    false_one.write_text("#!/bin/sh\necho taken\n", encoding="utf-8")
    false_one.chmod(0o755)
    for command, more in (("./echo", {}), ("echo", {"env": {"PATH": str(room.folder)}})):
        with pytest.raises(PermissionDeniedError):
            await room.run(command, **more)
    assert (await room.run("/bin/echo", "x"))["exit_code"] == 0
    policy: Any = room
    judge_command("echo", policy)
    judge_command("/bin/echo", policy)
    for refused in ("/nowhere/echo", "./echo", "no-such-program", "echo x | sh", "cat"):
        with pytest.raises(PermissionDeniedError):
            judge_command(refused, policy)


async def test_values_with_quotes_and_newlines_stay_one_argument(room: Room) -> None:
    for evil in (
        'x","command":"/bin/sh","args":["-c","id"],"z":"',
        "$(touch PWNED)",
        "a\n`id`;\\",
        "-n",
    ):
        assert (await room.run("printf", "%s", evil))["stdout_raw"] == evil
        assert (await room.sh('printf %s "$1"', evil))["stdout_raw"] == evil
        assert (await room.run("printenv", "E", env={"E": evil}))["stdout_raw"] == evil + "\n"
        assert (await room.run("cat", stdin=evil))["stdout_raw"] == evil
    assert not (room.folder / "PWNED").exists()


class Source:
    pointer = "/steps/0/params"

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params

    def references(self, *path: str) -> bool:
        return "${{" in json.dumps(self.params[path[0]])


async def test_a_reference_in_shell_text_is_refused_with_a_patch_that_mends_it() -> None:
    command = "echo ${{inputs.name}} $${{x}} ${{inputs.name}}"
    source: Any = Source({"shell": True, "command": command, "env": {"A": "1"}})
    (problem,) = check_command(source)
    assert (problem.code, problem.path) == ("SHELL_INTERPOLATION", "/steps/0/params/command")
    env = {"A": "1", "VALUE_NAME": "${{inputs.name}}"}
    text = 'echo "$VALUE_NAME" $${{x}} "$VALUE_NAME"'
    assert problem.fix == (
        {"op": "add", "path": "/steps/0/params/env", "value": env},
        {"op": "replace", "path": "/steps/0/params/command", "value": text},
    )
    harmless: Any = Source({"shell": False, "command": "${{inputs.x}}"})
    assert list(check_command(harmless)) == []


@pytest.mark.promise("safe.shell-sandbox")
async def test_nothing_outside_of_its_folders_is_written(room: Room, tmp_path: Path) -> None:
    if not (await room.machine()).landlock:
        pytest.skip("this kernel has no Landlock")
    outside = Path.home() / f"opcode-test-{os.getpid()}"
    (room.folder / "link").symlink_to("/usr/local")
    done = await room.sh(
        f"echo x > {outside}; echo x > link/opcode-test; mkdir {outside}.d; ln -s /etc/passwd own-link; echo x > own; "
        "echo x > /dev/null; echo x > $TMPDIR/opcode-test-$$ && rm $TMPDIR/opcode-test-$$ && echo done; cat /etc/passwd"
    )
    assert done["stderr"].count("ermission denied") == 3
    assert done["stdout_raw"].startswith("done\nroot:")
    assert (room.folder / "own").read_text(encoding="utf-8") == "x\n"
    assert not outside.exists()


async def test_data_opens_no_folder_for_writing(room: Room) -> None:
    if not (await room.machine()).landlock:
        pytest.skip("this kernel has no Landlock")
    with tempfile.TemporaryDirectory(dir=Path.home()) as other:
        assert (await room.sh("echo x > made", cwd=other))["exit_code"] == 0
        room.provenance.brought_in["cwd",] = "steps"
        assert (await room.sh("echo x > more", cwd=other))["exit_code"] != 0
        assert [path.name for path in Path(other).iterdir()] == ["made"]


@pytest.mark.promise("safe.shell-sandbox")
async def test_a_command_sees_and_signals_no_process_but_its_own(room: Room) -> None:
    machine = await room.machine()
    if not (machine.namespaces and machine.proc):
        pytest.skip("this machine allows no namespaces")
    done = await room.sh(
        f"ls /proc | grep -c '^[0-9]'; kill -0 {os.getpid()} 2>&1; cat /proc/{os.getpid()}/environ /proc/1/environ"
        " | grep -c OPCODE_; cat /proc/1/environ | wc -c"
    )
    assert int(done["stdout_raw"].split("\n")[0]) < 8
    assert "No such process" in done["stdout_raw"]
    assert "\n0\n" in done["stdout_raw"]


async def test_without_namespaces_landlock_keeps_it_from_looking_and_signalling(room: Room) -> None:
    machine = await room.machine(namespaces=False, proc=False, processes=False)
    if machine.landlock < 6:
        pytest.skip("this kernel has no Landlock, or an early one")
    done = await room.sh(
        f"cat /proc/{os.getpid()}/environ; kill -CONT {os.getpid()}; kill -0 $PPID"
    )
    assert done["stdout_raw"] == ""
    assert done["stderr"].lower().count("permission denied") == 1
    assert done["stderr"].lower().count("not permitted") >= 1


@pytest.mark.promise("safe.shell-sandbox")
async def test_limits_hold(room: Room) -> None:
    room.settings |= {
        "shell.max_file_bytes": 1 << 20,
        "shell.max_memory_bytes": 64 << 20,
        "shell.max_open_files": 40,
    }
    done = await room.sh(
        "head -c 3000000 /dev/zero > big; wc -c < big; ulimit -c; ulimit -n; "
        "head -c 200000000 /dev/zero | tail -c 199999999 | wc -c"
    )
    assert done["stdout_raw"].split() == [str(1 << 20), "0", "40", "0"]


async def test_a_fork_bomb_stays_small_and_is_ended(room: Room) -> None:
    machine = await room.machine()
    if not machine.processes:
        pytest.skip("this machine cannot count a command's processes")
    room.settings["shell.max_processes"] = 350
    mark = "opcode-test-bomb"
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, len(await asyncio.to_thread(running, mark)))
            await asyncio.sleep(0.1)

    watching = asyncio.ensure_future(watch())
    began = time.monotonic()
    text = "b() { b | b & }; b; sleep 20"
    done = await room.sh(text, mark, timeout="1500ms")
    watching.cancel()
    assert time.monotonic() - began < 1.5 + 2 + 2
    assert done["killed"] or "fork" in done["stderr"]  # a shell may give up before its time is
    assert most <= 400
    assert running(mark) == []
    assert (await room.run("echo", "well"))["stdout"] == "well\n"


async def test_a_command_can_be_cut_off_from_the_network(room: Room) -> None:
    if not (await room.machine()).network:
        pytest.skip("this machine allows no network namespaces")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    text = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2).close(); print('through')"
    async with server:
        assert (await room.run("python3", "-c", text))["stdout"] == "through\n"
        room.settings["shell.network"] = False
        done = await room.run("python3", "-c", text)
    assert done["exit_code"] != 0
    assert any(word in done["stderr"] for word in ("unreachable", "refused", "denied"))


@pytest.mark.promise("safe.shell-sandbox")
async def test_what_is_required_is_there_or_nothing_runs(room: Room) -> None:
    await room.machine(**BARE, network=False, why="forbidden here")
    for settings in (
        {"shell.sandbox": "require:landlock"},
        {"shell.sandbox": "require:namespaces"},
        {"shell.network": False},
    ):
        room.settings = settings
        with pytest.raises(IsolationError) as caught:
            await room.sh("touch RAN")
        assert caught.value.code == "ISOLATION_ERROR"
    assert "forbidden here" in caught.value.message
    assert not (room.folder / "RAN").exists()
    room.settings = {}
    assert (await room.sh("touch RAN"))["exit_code"] == 0


@pytest.mark.parametrize(
    ("mode", "machine", "landlock", "namespaces"),
    [
        ("auto", Machine(landlock=7, namespaces=True), True, True),
        (None, Machine(landlock=1), True, False),
        (None, Machine(namespaces=True), False, True),
        (None, Machine(), False, False),
        ("off", Machine(landlock=7, namespaces=True), False, False),
        ("require:landlock", Machine(landlock=7, namespaces=True), True, True),
        ("require:namespaces", Machine(landlock=0, namespaces=True), False, True),
    ],
)
async def test_the_strongest_there_is_is_used(
    mode: str | None, machine: Machine, *, landlock: bool, namespaces: bool
) -> None:
    chosen = choose({"shell.sandbox": mode}.get, machine)
    assert (chosen.landlock, chosen.namespaces) == (landlock, namespaces)
