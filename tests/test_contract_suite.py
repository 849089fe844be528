"""The contract suite catches every kind of breach, and lets what is sound pass."""

from __future__ import annotations

import asyncio
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from contract_breaches import BREACHES
from contract_breaches.breach import Breach
from opcode_core import ActionContext, Effect, ExecutionError, Output, Params, action
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import RESERVED
from opcode_core.settings import Settings
from opcode_core.testing import Example, Reply, Room, playing, runner
from opcode_core.testing.contract import endings, subject as subjects, suite
from opcode_core.testing.contract.subject import BreachError, NotCheckedError, Subject
from pydantic import Field

CHECKS = {check.name: check.run for check in suite.CHECKS}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "_SECONDS", 0.5)
    for module in (endings, playing, runner):
        monkeypatch.setattr(module, "GRACE", 0.3)


@pytest.mark.parametrize("breach", BREACHES, ids=lambda one: f"{one.clause}-{one.action.name}")
def test_each_kind_of_breach_is_caught(breach: Breach) -> None:
    subject = Subject(
        breach.action, "contract_breaches", lambda _: {breach.action.name: breach.examples}
    )
    with pytest.raises(BreachError, match=breach.says):
        CHECKS[breach.clause](subject)


def test_every_clause_is_broken_by_somebody() -> None:
    assert {breach.clause for breach in BREACHES} == set(CHECKS)


def test_every_action_in_the_box_is_under_the_contract_and_can_be_tried() -> None:
    root = Path(__file__).parents[1]
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    lines = tomllib.loads(text)["tool"]["pytest"]["ini_options"]["opcode_contract"]
    found = [one for line in lines for one in suite.subjects(line, root)]
    built_in = load_plugins(Settings(plugins_allow=tuple(RESERVED.values()))).actions
    assert sorted(one.action.name for one in found) == sorted(built_in)
    for one in found:
        assert [trial.example for trial in one.trials(endless=True)], one.action.name


class FetchParams(Params):
    """What to fetch."""

    url: str = Field(description="From where.")
    token: str = Field(default="", description="Who asks.")
    times: int = Field(default=1, ge=1, le=9, description="How often.")


class Fetched(Output):
    """What came."""

    statuses: list[int] = Field(description="How each was answered.")


@action("sound.fetch", effect=Effect.IDEMPOTENT, secrets=["token", "url"], touches={"url": "host"})
async def fetch(params: FetchParams, context: ActionContext) -> Fetched:
    """Ask a server several times.

    It is written as the contract wants it.
    """
    context.log.log("debug", "asking", {"times": params.times})
    host, _, path = params.url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    if not port.isdigit():
        raise ExecutionError("`url` has no port: write http://host:port/path")
    statuses = [await _ask(name, int(port), path) for _ in range(params.times)]
    return Fetched(statuses=statuses)


async def _ask(name: str, port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(name, port)
    try:
        writer.write(f"GET /{path} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


@action("sound.keep", effect=Effect.IDEMPOTENT, blocking=True, secrets=["token"])
def keep(params: FetchParams, context: ActionContext) -> Any:
    """Write a file, the same each time."""
    Path(context.working_directory, "kept").write_text(params.url, encoding="utf-8")
    return {"kept": True}


@action("sound.length", effect=Effect.PURE)
def length(params: FetchParams) -> Fetched:
    """Count letters."""
    return Fetched(statuses=[len(params.url)])


def examples(room: Room) -> dict[str, list[Example]]:
    room.http.reply("/a", Reply(204))
    room.http.reply("/hang", Reply(hang=True))
    return {
        "sound.fetch": [
            Example({"url": room.http.url("/a"), "times": 2}),
            Example({"url": room.http.url("/hang")}, endless=True),
            Example({"url": "http://nowhere"}, fails="EXECUTION_ERROR"),
        ],
        "sound.keep": [Example({"url": "text"})],
    }


@pytest.mark.parametrize("clause", CHECKS)
@pytest.mark.parametrize("sound", [fetch, keep, length], ids=lambda one: str(one.name))
def test_what_is_sound_passes(sound: Any, clause: str) -> None:
    subject = Subject(sound, "tests", examples)
    if clause in {check.name for check in suite.checks_for(subject)}:
        CHECKS[clause](subject)


def test_what_is_not_pure_is_not_called_with_parameters_that_nobody_chose(tmp_path: Path) -> None:
    called: list[str] = []

    @action("mail.send", effect=Effect.UNSAFE)
    def send(params: FetchParams) -> None:
        """Send a letter."""
        called.append(params.url)

    for check in suite.checks_for(Subject(send, "opcode_action_mail")):
        if check.name in ("output", "errors", "promptness"):
            with pytest.raises(NotCheckedError, match=r"opcode_action_mail: tests/examples.py"):
                check.run(Subject(send, "opcode_action_mail"))
    assert called == []


class Coded(Params):
    """What `codes.read` takes."""

    code: str = Field(pattern="^[A-Z]{3}-[0-9]$", description="A code.")


class Shown(Params):
    """What `codes.show` takes."""

    code: str = Field(pattern="^[A-Z]{3}-[0-9]$", description="A code.", examples=["ABC-1"])


@action("codes.read", effect=Effect.PURE)
def read(params: Coded) -> Any:
    """Read a code."""
    return params.code


@action("codes.show", effect=Effect.PURE)
def show(params: Shown) -> Any:
    """Show a code."""
    return params.code


def test_parameters_that_cannot_be_derived_say_how_to_give_them() -> None:
    with pytest.raises(NotCheckedError, match=r"`code`: its schema has `pattern`.*examples="):
        CHECKS["output"](Subject(read, "codes"))
    CHECKS["output"](Subject(show, "codes"))


def test_a_blocked_loop_costs_a_bounded_time() -> None:
    breach = next(one for one in BREACHES if one.action.name == "breach.spinning")
    began = time.monotonic()
    with pytest.raises(BreachError):
        CHECKS["promptness"](Subject(breach.action, "contract_breaches"))
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("opcode_action_nobody", "cannot be imported"),
        ("json", "has no hook"),
        ("opcode_steps", "registers no action"),
        ("opcode_action_crypto: nowhere.py", "there are no examples"),
        ("opcode_action_crypto: empty.py", r"has no function `examples\(room\)`"),
    ],
)
def test_a_line_that_cannot_be_used_says_why(line: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("", encoding="utf-8")
    with pytest.raises(suite.ContractSetupError, match=says):
        suite.subjects(line, tmp_path)
