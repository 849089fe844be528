"""Child processes, and files of the server's: what they can find out, how large they get, what is left of them."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from opcode_core.cli.app import opcode
from opcode_core.cli.client import Client
from security_room import step
from shell_room import running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks through /proc")
CANARY = "canary-of-the-passphrase"
SUFFIXES = ("", "-wal", "-shm", ".lock", ".sock")


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "OPCODE_DB_PATH": str(folder / "x.db"), **more}


def below(process: int) -> set[int]:
    """The ids of all processes below one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                text = (entry / "stat").read_bytes().rpartition(b")")[2]
            except OSError:
                continue
            parents[int(entry.name)] = int(text.split()[1])
    found: set[int] = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {process}


class Watch:
    """Does something again and again in a thread, while a block runs."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._look()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


LOOKS = "env; tr '\\0' '\\n' < /proc/$PPID/environ; tr '\\0' '\\n' < /proc/self/environ; sleep 1"
HEAVY = {
    "$ref": "#/$defs/d0",
    "$defs": {
        **{f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(22)},
        "d22": {"type": "integer"},
    },
}


def test_no_child_of_any_kind_has_our_variables(tmp_path: Path) -> None:
    """Commands, what they are born in, programs of jq, schemas that are checked elsewhere."""
    seen: dict[str, str] = {}
    server = 0

    def look() -> None:
        for child in below(server):
            try:
                words = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                found = Path(f"/proc/{child}/environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            seen[words] = seen.get(words, "") + found

    loop = {"mode": "for_each", "over": "[range(200000) | tostring] | .[:2]"}
    steps = [
        step("sh", "shell.exec", command=LOOKS, shell=True),
        {"id": "jq", "type": "loop", "config": {**loop, "body": [step("b", "crypto.uuid")]}},
        step("schema", "assert.schema", data="x", schema=HEAVY),
    ]
    given = {"OPCODE_VAULT_KEY": CANARY, "OPCODE_LOG_LEVEL": "error", "OPCODE_POOL_SIZE": "9"}
    with Client(environment(tmp_path, **given), tmp_path) as client:
        server = client._process.pid
        client.call("define", name="t", definition={"steps": steps}, agent_id="me")
        with Watch(look):
            answer = client.call("run", template_name="t", agent_id="me", wait_ms=30_000)
        own = Path(f"/proc/{server}/environ").read_bytes().decode()
    shown = answer["steps"]["sh"]["output"]["stdout_raw"]
    assert "PATH=" in shown
    assert not re.search(r"^OPCODE_", shown, re.MULTILINE)
    kinds = " ".join(seen)
    for kind in ("opcode_action_shell", "opcode_expr_jq", "opcode_action_assert"):
        assert kind in kinds, sorted(seen)
    for words, variables in seen.items():
        assert "OPCODE_" not in variables, words
        assert CANARY not in words + variables
    assert CANARY not in own
    assert "OPCODE_" not in own


def test_files_are_the_owners_alone_from_the_moment_they_are_made(tmp_path: Path) -> None:
    modes: dict[str, set[int]] = {}

    def look() -> None:
        for suffix in SUFFIXES:
            try:
                found = os.lstat(f"{tmp_path}/x.db{suffix}").st_mode
            except OSError:
                continue
            modes.setdefault(suffix, set()).add(stat.S_IMODE(found))

    before = os.umask(0)  # the server inherits it
    try:
        with Watch(look), Client(environment(tmp_path), tmp_path) as client:
            steps = [step("a", "crypto.uuid")]
            client.call("define", name="t", definition={"steps": steps}, agent_id="me")
            client.call("run", template_name="t", agent_id="me")
            look()
    finally:
        os.umask(before)
    assert modes == {suffix: {0o600} for suffix in SUFFIXES}
    assert not [path for path in tmp_path.glob("x.db*") if path.stat().st_mode & 0o077]


def test_no_command_takes_a_secret_as_an_argument() -> None:
    def options(command: click.Command) -> list[str]:
        found = [name for one in command.params for name in (*one.opts, *one.secondary_opts)]
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                found += options(below)
        return found

    found = options(opcode)
    assert "--json" in found
    words = ("vault", "passphrase", "password", "secret", "token", "--key", "--value")
    assert not [name for name in found if any(word in name for word in words)]


def call(folder: Path, *steps: dict[str, Any], **settings: str) -> dict[str, Any]:
    with Client(environment(folder, **settings), folder) as client:
        client.call("define", name="t", definition={"steps": list(steps)}, agent_id="me")
        return client.call("run", template_name="t", agent_id="me", wait_ms=45_000)


@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_nothing_survives_a_timeout_that_went_into_sessions_of_its_own(
    tmp_path: Path, sandbox: str
) -> None:
    """By the action's own timeout, by the step's, and when the workflow is cancelled."""
    seconds = f"61.{os.getpid()}{'1' if sandbox == 'off' else '2'}"
    text = f"setsid sleep {seconds} & (setsid setsid sh -c 'sleep {seconds}; true' &) & sleep {seconds}"
    mark = f"sleep\0{seconds}"
    own = step("own", "shell.exec", command=text, shell=True, timeout="500ms")
    steps = {**step("of", "shell.exec", command=text, shell=True), "timeout": "500ms"}
    answer = call(
        tmp_path, own, {**steps, "on_error": {"strategy": "ignore"}}, OPCODE_SANDBOX=sandbox
    )
    assert answer["steps"]["own"]["output"]["killed"] is True
    assert answer["steps"]["of"]["status"] == "skipped"
    assert running(mark) == []
    with Client(environment(tmp_path, OPCODE_SANDBOX=sandbox), tmp_path) as client:
        endless = {"steps": [step("a", "shell.exec", command=text, shell=True, timeout="60s")]}
        client.call("define", name="c", definition=endless, agent_id="me")
        begun = client.call("run", template_name="c", agent_id="me", wait_ms=0)
        deadline = time.monotonic() + 10
        while len(running(mark)) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(running(mark)) >= 3
        signal = {"workflow_id": begun["workflow_id"], "signal_type": "cancel", "agent_id": "me"}
        client.call("signal", **signal, payload={})
        while running(mark) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert running(mark) == []


def test_a_file_of_a_gigabyte_and_a_core_dump_are_not_made(tmp_path: Path) -> None:
    text = (
        "head -c 0 /dev/null; dd if=/dev/zero of=big bs=1 count=1 seek=1000000000 2>&1; echo $?; ls big; "
        "wc -c < big; sh -c 'kill -ABRT $$'; echo $?; ls core* 2>/dev/null; ulimit -c"
    )
    output = call(tmp_path, step("a", "shell.exec", command=text, shell=True))["steps"]["a"][
        "output"
    ]
    lines = output["stdout_raw"].split("\n")
    assert "134" in lines
    assert lines[-2] == "0"
    assert not list(tmp_path.glob("core*"))
    big = tmp_path / "big"
    assert not big.exists() or big.stat().st_size < 1_000_000_000


def test_curl_finds_no_network_when_it_is_off(tmp_path: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl here")
    (tmp_path / "opcode.toml").write_text("shell.network = false\n", encoding="utf-8")
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        found = re.search(r"port (\d+)", server.stdout.readline())
        assert found is not None
        url = f"http://127.0.0.1:{found[1]}/"
        assert subprocess.run([curl, "-s", url], capture_output=True, check=False).returncode == 0
        answer = call(
            tmp_path, step("a", "shell.exec", command="curl", args=["-s", "-m", "5", url])
        )
    finally:
        server.kill()
        server.communicate()
    if answer["status"] == "failed":  # not here: then it is refused, not run with the network
        assert answer["error"]["code"] == "ISOLATION_ERROR"
    else:
        assert answer["steps"]["a"]["output"]["exit_code"] == 7
