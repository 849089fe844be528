"""What `opcode_core.testing` offers the authors of plugins."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import opcode_core.testing
import pytest
from opcode_core import (
    ActionContext,
    ActionRegistrar,
    Effect,
    ExecutionError,
    Output,
    Params,
    action,
    hookimpl,
)
from opcode_core.engine.action_context import RunningAction
from opcode_core.testing import (
    ActionRunner,
    FakeClock,
    RecordedContext,
    RecordedHttp,
    Reply,
    open_workbench,
    run_definition,
)
from opcode_core.testing.context import Shelf
from opcode_core.testing.guard import ForbiddenEffectError, no_effects
from opcode_core.testing.stage import StuckError
from pydantic import Field


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class SayParams(Params):
    """What to say."""

    text: str = Field(description="What to say.")
    number: int = Field(default=1, description="A number.")


class Said(Output):
    """What was said."""

    said: str = Field(description="What was said.")


@action("kit.say", effect=Effect.PURE)
def say(params: SayParams, context: ActionContext) -> Said:
    """Say something everywhere."""
    context.log.log("info", "saying", {"text": params.text})
    context.emit("said", {"by": context.agent_id, "attempt": context.attempt})
    where = "/".join(sorted(context.provenance.sources("text")))
    return Said(said=f"{params.text} from {where or 'here'} in {context.setting('kit.mood')}")


@action("kit.wait", effect=Effect.UNSAFE)
async def wait(params: SayParams) -> None:
    """Wait until told to end."""
    await asyncio.Event().wait()


@action("kit.share", effect=Effect.PURE)
async def share(context: ActionContext) -> Any:
    """Count how often it was run with the same object."""
    shared = await context.shared("kit.counts", list, _close)
    shared.append(1)
    return {"count": len(shared), "closed": False}


_CLOSED: list[int] = []


async def _close(counts: list[int]) -> None:
    _CLOSED.append(len(counts))


@action("kit.flaky", effect=Effect.PURE)
def flaky(context: ActionContext) -> Any:
    """Fail the first time."""
    if context.attempt == 1:
        raise ExecutionError("not yet")
    return {"attempt": context.attempt}


class Plugin:
    """A plugin that is not installed."""

    @hookimpl
    def opcode_register_actions(self, register: ActionRegistrar) -> None:
        for one in (say, wait, share, flaky):
            register(one)


# -------- A runner for one action


def test_an_action_is_run_with_what_the_test_says(tmp_path: Path) -> None:
    with ActionRunner(say, tmp_path) as runner:
        outcome = runner.run(
            {"text": "${{steps.ask.name}}, ${{inputs.age}}"},
            variables={"steps": {"ask": {"name": "Ann"}}, "inputs": {"age": 7}},
            settings={"kit.mood": "haste"},
            agent_id="bob",
            attempt=3,
        )
    assert outcome.error is None
    assert outcome.output == {"said": "Ann, 7 from inputs/steps in haste"}
    assert outcome.events == [("said", {"by": "bob", "attempt": 3})]
    assert outcome.lines == [("info", "saying", {"text": "Ann, 7"})]


def test_references_convert_as_they_do_in_a_workflow(tmp_path: Path) -> None:
    with ActionRunner(say, tmp_path) as runner:
        assert runner.run({"text": "${{inputs.n}}"}, variables={"inputs": {"n": 5}}).error is None
        refused = runner.run(
            {"text": "a", "number": "${{inputs.n}}"}, variables={"inputs": {"n": "5"}}
        )
        assert refused.error is not None
        assert refused.error.code == "VALIDATION_ERROR"
        missing = runner.run({"text": "${{inputs.m}}"}, variables={"inputs": {}})
        assert missing.error is not None
        assert missing.error.code == "INTERPOLATION_ERROR"


def test_problems_are_those_of_define() -> None:
    with ActionRunner(say) as runner:
        found = runner.problems({"text": 5, "nmber": 1})
    assert {(one.path, one.code) for one in found} == {
        ("/text", "WRONG_TYPE"),
        ("/nmber", "UNKNOWN_FIELD"),
    }


def test_a_timeout_and_a_cancellation_end_an_attempt() -> None:
    with ActionRunner(wait) as runner:
        late = runner.run({"text": "a"}, timeout=0.02)
        assert late.error is not None
        assert late.error.to_json()["details"] == {"timeout_ms": 20}
        for how in ({"cancel_after": 0.01}, {"cancel_when": _set_soon()}):
            ended = runner.run({"text": "a"}, **how)
            assert ended.error is not None
            assert ended.error.code == "CANCELLED"
            assert not ended.unheeded


def _set_soon() -> threading.Event:
    event = threading.Event()
    threading.Timer(0.02, event.set).start()
    return event


def test_shared_objects_live_as_long_as_the_runner() -> None:
    _CLOSED.clear()
    with ActionRunner(share) as runner:
        assert [runner.run().output["count"] for _ in range(3)] == [1, 2, 3]
        assert _CLOSED == []
    assert _CLOSED == [3]


def test_a_test_gets_away_from_an_action_that_blocks_and_is_told_where_it_stands() -> None:
    stop = threading.Event()

    @action("kit.block", effect=Effect.PURE)
    async def block() -> None:
        """Block."""
        stop.wait(30)

    with ActionRunner(block, seconds=0.2) as runner:
        with pytest.raises(StuckError, match=r"test_testing_kit.py:\d+ in block"):
            runner.run()
        with pytest.raises(StuckError):
            runner.run()
        stop.set()


def test_the_fixtures_are_there(
    opcode_runner: Callable[[Any], ActionRunner],
    opcode_run: Callable[..., Any],
    opcode_clock: FakeClock,
    opcode_http: RecordedHttp,
    tmp_path: Path,
) -> None:
    assert opcode_runner(say).working_directory == tmp_path
    ran = opcode_run({"steps": [{"id": "a", "action": "kit.share"}]}, plugins=[Plugin()])
    assert ran.status == "completed"
    assert opcode_clock.now() == opcode_clock.now()
    assert opcode_http.url("/x").startswith("http://127.0.0.1:")


def test_what_an_action_is_lent_is_what_the_engine_lends(tmp_path: Path) -> None:
    lent: ActionContext = RecordedContext(str(tmp_path), Shelf())
    promised = {name for name in dir(ActionContext) if not name.startswith("_")}
    assert promised <= set(dir(lent))
    assert promised <= set(dir(RunningAction))


# -------- Definitions


def test_a_definition_is_run_with_a_plugin_that_is_not_installed() -> None:
    ran = run_definition(
        {
            "steps": [
                {"id": "a", "action": "kit.say", "params": {"text": "${{inputs.who}}"}},
                {
                    "id": "b",
                    "action": "crypto.hash",
                    "params": {"data": "${{steps.a.said}}"},
                    "depends_on": ["a"],
                },
            ]
        },
        {"who": "Ann"},
        plugins=[Plugin()],
        settings={"kit.mood": "peace"},
    )
    assert ran.status == "completed", ran.error
    assert ran.output_of("a") == {"said": "Ann from inputs in peace"}
    assert [one["event_type"] for one in ran.events if one["event_type"] == "said"] == ["said"]


def test_a_plugin_that_is_installed_may_be_given_too() -> None:
    import opcode_action_crypto

    ran = run_definition(
        {"steps": [{"id": "a", "action": "crypto.uuid"}]}, plugins=[opcode_action_crypto]
    )
    assert ran.status == "completed"


def test_a_name_that_is_taken_and_a_hook_that_is_misspelt_are_refused() -> None:
    @action("crypto.hash", effect=Effect.PURE)
    def mine() -> None:
        """Pose as another."""

    class Thief:
        @hookimpl
        def opcode_register_actions(self, register: ActionRegistrar) -> None:
            register(mine)

    class Misspelt:
        @hookimpl
        def opcode_register_action(self, register: ActionRegistrar) -> None:
            register(mine)

    for plugin, says in ((Thief(), "already provided by plugin `crypto`"), (Misspelt(), "hook")):
        with pytest.raises(ValueError, match=says):
            run_definition({"steps": []}, plugins=[plugin])


@pytest.mark.anyio
async def test_a_pause_between_attempts_passes_when_the_clock_is_moved(tmp_path: Path) -> None:
    clock = FakeClock()
    step = {"id": "a", "action": "kit.flaky", "retry": {"max": 1, "delay": "1h"}}
    async with open_workbench([Plugin()], folder=tmp_path, clock=clock) as bench:
        await bench.define("flaky", {"steps": [step]})
        running = asyncio.create_task(bench.run("flaky"))
        assert await clock.next_alarm(beyond=1800) == pytest.approx(3600)
        clock.advance(3600)
        ran = await running
    assert ran.output_of("a") == {"attempt": 2}
    assert ran.steps["a"]["attempts"] == 2


@pytest.mark.anyio
async def test_a_workflow_is_looked_at_and_signalled(tmp_path: Path) -> None:
    step = {"id": "a", "action": "kit.wait", "params": {"text": "x"}}
    async with open_workbench([Plugin()], folder=tmp_path) as bench:
        assert await bench.problems({"steps": [{**step, "action": "kit.wat"}]})
        await bench.define("waiting", {"steps": [step]})
        ran = await bench.run("waiting", seconds=0.05)
        assert ran.status == "active"
        assert (await bench.signal(ran.workflow_id, "cancel")).status == "cancelled"
        assert len(await bench.query("workflows", status="cancelled")) == 1


# -------- Clock and server


@pytest.mark.anyio
async def test_alarms_ring_in_order_at_their_own_time() -> None:
    clock, rung = FakeClock(100.0), []
    clock.alarm(130.0, lambda: rung.append(("b", clock.now())))
    clock.alarm(110.0, lambda: rung.append(("a", clock.now())))
    gone = clock.alarm(105.0, lambda: rung.append(("gone", clock.now())))
    gone.cancel()
    clock.alarm(90.0, lambda: rung.append(("past", clock.now())))
    assert rung == []
    await asyncio.sleep(0)
    assert rung == [("past", 100.0)]
    assert await clock.next_alarm() == 10.0
    clock.advance(20.0)
    assert rung[1:] == [("a", 110.0)]
    assert clock.now() == 120.0
    clock.advance(10.0)
    assert rung[2:] == [("b", 130.0)]
    with pytest.raises(TimeoutError):
        await clock.next_alarm(within=0.01)


def test_the_server_answers_as_it_is_told_and_remembers() -> None:
    with RecordedHttp() as http:
        http.reply("/cats", Reply(json=["tom"]), Reply(body=b"none", headers={"X-Left": "0"}))
        asked = urllib.request.Request(http.url("/cats?page=2"), b'{"n": 1}', {"X-Key": "k"})
        answers = [urllib.request.urlopen(asked, timeout=5) for _ in range(3)]
        assert [answer.read() for answer in answers] == [b'["tom"]', b"none", b"none"]
        assert answers[1].headers["X-Left"] == "0"
        with pytest.raises(urllib.request.HTTPError, match="404"):
            urllib.request.urlopen(http.url("/dogs"), timeout=5)
    first = http.requests[0]
    assert (first.method, first.path, first.query) == ("POST", "/cats", {"page": "2"})
    assert first.headers["x-key"] == "k"
    assert first.json() == {"n": 1}
    assert http.asked.is_set()


# -------- The guard


def test_the_guard_stops_changes_and_lets_everything_else_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a", encoding="utf-8")
    with no_effects() as seen:
        assert (tmp_path / "a").read_text(encoding="utf-8") == "a"
        assert list(tmp_path.iterdir())
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - as plugins do
            nowhere.write("x")
        with pytest.raises(ForbiddenEffectError):
            (tmp_path / "a").unlink()
        with pytest.raises(ForbiddenEffectError):
            (tmp_path / "a").open("a", encoding="utf-8")
    assert seen == ["changes files (os.remove)", "changes files (open)"]
    (tmp_path / "a").unlink()
    assert len(seen) == 2


# -------- pytest

PLUGIN = """
    from opcode_core import Effect, Params, action, hookimpl

    class GreetParams(Params):
        name: str = "you"

    @action("mine.greet", effect=Effect.PURE)
    def greet(params: GreetParams) -> object:
        '''Greet somebody.'''
        return {"greeting": "hello " + params.name}

    @action("mine.send", effect=Effect.UNSAFE)
    def send() -> object:
        '''Send something.'''
        return {}

    @hookimpl
    def opcode_register_actions(register):
        register(greet)
        register(send)
"""


def run_pytest(folder: Path, *arguments: str) -> tuple[int, str]:
    environment = {name: text for name, text in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A plugin with one line of configuration, a test, and a parameter without a description."""
    (tmp_path / "mine.py").write_text(dedent(PLUGIN), encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_mine.py").write_text("def test(): pass\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\nopcode_contract = ["mine"]\n'
        'testpaths = ["tests"]\npythonpath = ["."]\naddopts = ["--import-mode=importlib"]\n',
        encoding="utf-8",
    )
    return tmp_path


def test_one_line_of_configuration_runs_the_contract_suite(mine: Path) -> None:
    code, shown = run_pytest(mine)
    assert code == 1
    assert "mine.greet breaks the contract: Every parameter" in shown
    assert "without a description: parameter `name`. Agents choose by them" in shown
    assert "Traceback" not in shown
    assert "mine.send: it is not pure" in shown
    assert "1 failed" in shown
    text = (mine / "mine.py").read_text(encoding="utf-8")
    mended = text.replace('"you"', 'Field(default="you", description="Whom.")')
    (mine / "mine.py").write_text("from pydantic import Field\n" + mended, encoding="utf-8")
    code, shown = run_pytest(mine)
    assert code == 0, shown


def test_its_tests_belong_to_the_configuration_file(mine: Path) -> None:
    code, shown = run_pytest(mine, "tests/test_mine.py")
    assert (code, "1 passed" in shown) == (0, True)
    code, shown = run_pytest(mine, "pyproject.toml", "-k", "unknown_parameter")
    assert code == 0
    assert "2 passed" in shown
    code, shown = run_pytest(mine, "-o", "opcode_contract=nobody")
    assert code != 0
    assert "opcode_contract: nobody cannot be imported" in shown


def test_without_the_line_it_costs_next_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
    (tmp_path / "test_nothing.py").write_text(
        dedent(
            """
            import sys

            def test_nothing(request):
                assert request.config.pluginmanager.has_plugin("opcode")
                heavy = {"pydantic", "jsonschema_rs", "sqlite3", "opcode_core.actions"}
                assert heavy & set(sys.modules) == set()
                ours = {name for name in sys.modules if name.startswith("opcode_core")}
                assert ours == {"opcode_core", "opcode_core.testing", "opcode_core.testing.pytest_plugin"}
            """
        ),
        encoding="utf-8",
    )
    code, shown = run_pytest(tmp_path, "-p", "no:anyio", "-p", "no:hypothesispytest")
    assert code == 0, shown


def test_everything_it_exports_can_be_imported() -> None:
    for name in opcode_core.testing.__all__:
        assert getattr(opcode_core.testing, name)
    with pytest.raises(AttributeError, match="has no 'nothing'"):
        SimpleNamespace(x=opcode_core.testing.nothing)
