"""Commands and policy through a whole server: what a child can find out, and what a template that was stored may do."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opcode_core.cli.client import Client
from opcode_core.errors import ActionUnavailableError, ValidationError
from opcode_core.model.requests import DefineRequest, RunRequest, SignalRequest, StatusRequest
from opcode_core.opening import open_service
from opcode_core.service import Service
from opcode_core.settings import Settings

pytestmark = pytest.mark.anyio
EVERYTHING = (
    "env; cat /proc/self/environ; p=$PPID; "
    "while [ ${p:-0} -gt 1 ] && [ $p != $1 ]; do cat /proc/$p/environ; "
    "p=$(sed -n 's/^PPid:.//p' /proc/$p/status); done; cat /proc/$1/environ /proc/$1/cmdline"
)
"""Looks at itself, at everything above it, and at the server, whose id is its argument."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def place(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "OPCODE_DB_PATH": str(folder / "canary-of-the-path.db"), **more}


def step(step_id: str, action: str, *after: str, **params: Any) -> dict[str, Any]:
    made = {"id": step_id, "action": action, "params": params}
    return {**made, "depends_on": list(after)} if after else made


@pytest.mark.promise("secrets.children")
@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_no_child_finds_our_variables_not_even_in_proc(tmp_path: Path, sandbox: str) -> None:
    secrets = {
        "OPCODE_VAULT_KEY": "canary of the passphrase",
        "OPCODE_DISABLED_PLUGINS": "canary-of-a-plugin",
        "OPCODE_SANDBOX": sandbox,
    }
    steps = [
        step("all", "shell.exec", command=EVERYTHING, shell=True, args=["${{inputs.server}}"]),
        {
            "id": "jq",
            "type": "loop",
            "config": {
                "mode": "for_each",
                "over": "[(.inputs.x | tostring)]",
                "body": [step("see", "crypto.hash", data="${{loop.item}}")],
            },
        },
    ]
    with Client(place(tmp_path, **secrets), tmp_path) as client:
        client.call("define", name="t", definition={"steps": steps}, agent_id="me")
        params = {"x": 1, "server": client._process.pid}
        answer = client.call("run", template_name="t", agent_id="me", params=params, wait_ms=30_000)
    assert answer["status"] == "completed", answer
    output = answer["steps"]["all"]["output"]
    shown = json.dumps(output)
    assert "PATH=" in shown
    assert ("opcode_core" in shown) == (
        sandbox == "off"
    )  # without namespaces it does see the server
    assert "canary" not in shown
    assert not [
        line
        for line in output["stdout_raw"].replace("\0", "\n").split("\n")
        if line.startswith("OPCODE_")
    ]


@pytest.mark.parametrize("program", ["$ENV", "env", "[$ENV.PATH]", "[env.PATH]"])
def test_jq_has_no_environment(tmp_path: Path, program: str) -> None:
    from opcode_core.plan.compile import diagnose
    from opcode_core.plugins.discovery import load_plugins

    loop = {
        "id": "l",
        "type": "loop",
        "config": {
            "mode": "for_each",
            "over": f". | {program}",
            "body": [step("b", "crypto.uuid")],
        },
    }
    assert diagnose({"steps": [loop]}, load_plugins(Settings())).plan is None


@asynccontextmanager
async def serving(folder: Path, **settings: Any) -> AsyncIterator[Service]:
    chosen = Settings(db_path=folder / "x.db", durability="normal", **settings)
    async with open_service(chosen) as opened:
        yield opened


ASKS_FIRST = [
    {"id": "ask", "type": "reasoning", "config": {"prompt_context": "may it?", "options": []}},
    step("do", "shell.exec", "ask", command="touch", args=["RAN"]),
]


@pytest.mark.parametrize(
    "policy",
    [
        {"plugins_disable": ("shell",)},
        {"plugins_allow": ("steps", "cel", "workflow")},
        {"actions_deny": ("shell.*",)},
        {"actions_allow": ("crypto.*",)},
    ],
    ids=["disabled", "not allowed", "denied", "not among the allowed"],
)
async def test_what_was_stored_and_suspended_before_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    async with serving(tmp_path) as service:
        await service.define(DefineRequest("t", {"steps": ASKS_FIRST}, "me"))
        begun = await service.run(RunRequest("t", "me"))
        assert begun["status"] == "suspended"
    async with serving(tmp_path, **policy) as service:
        with pytest.raises(ValidationError) as refused:
            await service.define(DefineRequest("u", {"steps": ASKS_FIRST}, "me"))
        with pytest.raises((ActionUnavailableError, ValidationError)):
            await service.run(RunRequest("t", "me"))
        signal = SignalRequest(begun["workflow_id"], "decision", {"choice": "yes"}, agent_id="me")
        try:
            await service.signal(signal)
        except (ActionUnavailableError, ValidationError) as error:
            assert "shell.exec" in json.dumps([error.message, error.details])  # noqa: PT017 - either way is right
        else:
            answer = await service.status(StatusRequest(begun["workflow_id"], wait_ms=10_000))
            assert answer["status"] != "completed", answer
    details = json.dumps(refused.value.details)
    assert "ACTION_UNAVAILABLE" in details
    assert any(rule in details for rule in ("plugins.", "actions."))
    assert not (tmp_path / "RAN").exists()


def test_nothing_of_a_plugin_that_may_not_load_is_imported() -> None:
    text = (
        "import sys; from opcode_core.plugins.discovery import load_plugins; "
        "from opcode_core.settings import load_settings; load_plugins(load_settings()); "
        "print([n for n in sys.modules if n.startswith(('opcode_action_shell', 'opcode_action_fs'))])"
    )
    for environment, nothing in (({"OPCODE_DISABLED_PLUGINS": "shell,fs"}, True), ({}, False)):
        done = subprocess.run(
            [sys.executable, "-c", text],
            env={**place(Path("/nowhere")), **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert (done.stdout.strip() == "[]") == nothing


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits of another process")
def test_without_descriptors_a_command_fails_and_nothing_else_does(tmp_path: Path) -> None:
    steps = [step(f"s{number}", "shell.exec", command="true") for number in range(4)]
    with Client(place(tmp_path), tmp_path) as client:
        client.call("define", name="t", definition={"steps": steps}, agent_id="me")
        call = {"template_name": "t", "agent_id": "me", "wait_ms": 30_000}
        assert client.call("run", **call)["status"] == "completed"
        server = client._process.pid
        before = resource.prlimit(server, resource.RLIMIT_NOFILE)
        opened = len(list(Path(f"/proc/{server}/fd").iterdir()))
        resource.prlimit(server, resource.RLIMIT_NOFILE, (opened + 4, before[1]))
        starved = client.call("run", **call)
        resource.prlimit(server, resource.RLIMIT_NOFILE, before)
        again = client.call("run", **call)
    assert starved["status"] == "failed", starved
    assert {starved["error"]["code"]} <= {"EXECUTION_ERROR", "ISOLATION_ERROR"}
    assert again["status"] == "completed", again


def test_large_outputs_take_no_more_memory_than_what_is_kept(tmp_path: Path) -> None:
    text = "head -c 200000000 /dev/zero | tr '\\0' x"
    steps = [step("a", "shell.exec", command=text, shell=True)]
    with Client(place(tmp_path), tmp_path) as client:
        client.call("define", name="t", definition={"steps": steps}, agent_id="me")
        before = peak(client._process.pid)
        answer = client.call("run", template_name="t", agent_id="me", wait_ms=40_000)
        after = peak(client._process.pid)
    assert answer["status"] == "completed", answer
    assert after - before < 256 << 20  # what is kept is handled several times; 200 MB came


def peak(process: int) -> int:
    """The most memory a process has had, in bytes."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) << 10
