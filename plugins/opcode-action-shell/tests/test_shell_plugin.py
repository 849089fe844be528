"""shell.exec: what a command gets and gives, that all of it ends, and what data must not decide."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from opcode_action_shell.execute import ExecParams, execute, parse_output
from opcode_action_shell.guard import check_command
from opcode_action_shell.launch import Launcher, find_launcher
from opcode_core import ExecutionError, NotFoundError, PermissionDeniedError, ValidationError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Provenance:
    def __init__(self, brought_in: Iterable[tuple[str, ...]]) -> None:
        self._brought_in = set(brought_in)

    def sources(self, *path: str) -> frozenset[str]:
        return frozenset({"inputs"} if path in self._brought_in else ())


class Context:
    """What the engine lends an action, as far as this asks for it."""

    def __init__(
        self, folder: Path, *brought_in: tuple[str, ...], launcher: Launcher | None = None
    ) -> None:
        self.working_directory = str(folder)
        self.provenance = Provenance(brought_in)
        self._launcher = launcher

    def setting(self, name: str) -> Any:
        return None

    async def shared(
        self, key: str, make: Callable[[], Any], close: Callable[[Any], Awaitable[None]]
    ) -> Any:
        return [self._launcher or await find_launcher()]


async def run(folder: Path, command: str, *args: Any, **more: Any) -> dict[str, Any]:
    launcher = more.pop("launcher", None)
    context: Any = Context(folder, launcher=launcher)
    return dict(await execute.run(ExecParams(command=command, args=list(args), **more), context))


async def sh(folder: Path, text: str, **more: Any) -> dict[str, Any]:
    return await run(folder, text, shell=True, **more)


async def test_arguments_are_handed_over_as_they_are(tmp_path: Path) -> None:
    done = await run(tmp_path, "printf", "[%s]", "a b", "$HOME", "; echo x", "", 5, 1.5, True)
    assert done["stdout"] == "[a b][$HOME][; echo x][][5][1.5][true]"
    assert (done["exit_code"], done["killed"], done["stderr"]) == (0, False, "")
    assert (await run(tmp_path, 'echo "$1|$2"', "; id", 2, shell=True))["stdout"] == "; id|2\n"


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPCODE_VAULT_KEY", "hush")
    monkeypatch.setenv("DATABASE_URL", "postgres://x")
    done = await run(tmp_path, "env", env={"GREETING": "hello"})
    names = {line.split("=")[0] for line in done["stdout_raw"].splitlines()}
    assert names == {"PATH", "HOME", "LANG", "TMPDIR", "GREETING"}


async def test_input_is_a_string_json_or_nothing(tmp_path: Path) -> None:
    assert (await run(tmp_path, "cat", stdin="a\nb"))["stdout"] == "a\nb"
    assert (await run(tmp_path, "cat", stdin={"k": [1]}))["stdout"] == {"k": [1]}
    assert (await run(tmp_path, "cat"))["stdout"] == ""


async def processes() -> list[str]:
    """The command lines of everything that runs."""
    listed = await asyncio.create_subprocess_exec(
        "ps", "-eo", "args", stdout=asyncio.subprocess.PIPE
    )
    return (await listed.communicate())[0].decode().splitlines()


@pytest.mark.parametrize(
    "launcher", [None, Launcher((), contains_all=False)], ids=["contained", "bare"]
)
async def test_when_its_time_is_up_all_of_it_ends(
    tmp_path: Path, launcher: Launcher | None
) -> None:
    text = "setsid sleep 30 & echo $! > pids; sleep 30 & echo $! >> pids; echo here; sleep 30"
    began = time.monotonic()
    done = await sh(tmp_path, text, timeout="300ms", launcher=launcher)
    assert time.monotonic() - began < 10
    assert (done["killed"], done["exit_code"], done["stdout"]) == (True, -1, "here\n")
    assert not [
        line for line in await processes() if line.startswith(("sleep 30", "setsid sleep 30"))
    ]


async def test_cancelling_ends_the_command(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    task = asyncio.ensure_future(sh(tmp_path, "echo go > started; sleep 31"))
    assert await asyncio.to_thread((tmp_path / "started").read_text, encoding="utf-8") == "go\n"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "sleep 31" not in await processes()


async def test_a_pipe_that_is_held_open_does_not_hold_the_step(tmp_path: Path) -> None:
    began = time.monotonic()
    done = await sh(tmp_path, "sleep 20 & echo now")
    assert time.monotonic() - began < 10
    assert done["stdout"] == "now\n"


async def test_output_is_kept_to_a_cap_and_counted(tmp_path: Path) -> None:
    done = await sh(tmp_path, "head -c 12000000 /dev/zero | tr '\\0' x")
    assert (done["truncated"], done["stdout_bytes"], len(done["stdout_raw"])) == (
        True,
        12_000_000,
        10 << 20,
    )


async def test_exit_codes_are_data_unless_told_otherwise(tmp_path: Path) -> None:
    assert (await sh(tmp_path, "exit 3"))["exit_code"] == 3
    with pytest.raises(ExecutionError) as caught:
        await sh(tmp_path, "echo trouble >&2; exit 3", fail_on_nonzero=True)
    assert caught.value.details == {"exit_code": 3, "killed": False, "stderr": "trouble\n"}


async def test_what_cannot_be_run_is_said(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("x", encoding="utf-8")
    with pytest.raises(NotFoundError):
        await run(tmp_path, "no-such-program-here")
    with pytest.raises(NotFoundError):
        await run(tmp_path, "true", cwd="nowhere")
    with pytest.raises(PermissionDeniedError):
        await run(tmp_path, "./plain.txt")
    with pytest.raises(ValidationError):
        await run(tmp_path, "echo", "a\0b")


@pytest.mark.parametrize(
    "name", ["LD_PRELOAD", "PYTHONPATH", "BASH_ENV", "NODE_OPTIONS", "PATH", "DYLD_X"]
)
async def test_data_loads_no_code_into_a_process(tmp_path: Path, name: str) -> None:
    params = ExecParams(command="true", env={name: "/tmp/x"})
    brought_in: Any = Context(tmp_path, ("env", name))
    with pytest.raises(PermissionDeniedError):
        await execute.run(params, brought_in)


async def test_data_names_no_command(tmp_path: Path) -> None:
    brought_in: Any = Context(tmp_path, ("command",))
    with pytest.raises(PermissionDeniedError) as caught:
        await execute.run(ExecParams(command="true"), brought_in)
    assert caught.value.details == {"rule": "shell.allow_command_references"}


class Source:
    pointer = "/steps/0/params"

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params

    def references(self, *path: str) -> bool:
        return "${{" in json.dumps(self.params[path[0]])


async def test_a_reference_in_shell_text_is_refused_with_a_patch_that_mends_it() -> None:
    source: Any = Source(
        {
            "shell": True,
            "command": "echo ${{inputs.name}} $${{x}} ${{inputs.name}}",
            "env": {"A": "1"},
        }
    )
    (problem,) = check_command(source)
    assert (problem.code, problem.path) == ("SHELL_INTERPOLATION", "/steps/0/params/command")
    assert problem.fix == (
        {
            "op": "add",
            "path": "/steps/0/params/env",
            "value": {"A": "1", "VALUE_NAME": "${{inputs.name}}"},
        },
        {
            "op": "replace",
            "path": "/steps/0/params/command",
            "value": 'echo "$VALUE_NAME" $${{x}} "$VALUE_NAME"',
        },
    )
    harmless: Any = Source({"shell": False, "command": "${{inputs.x}}"})
    assert list(check_command(harmless)) == []
