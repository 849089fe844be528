"""The process programs run in: it is stopped in time, sees nothing, and is left nowhere."""

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from opcode_core import ExecutionError, Expression, ExpressionLimits, ExpressionSyntaxError
from opcode_expr_jq import process, worker
from opcode_expr_jq.engine import JqEngine

TICK = 0.01
LONGEST_GAP = 0.2
"""Seconds the event loop may be kept waiting."""
LONGEST = 3.0
"""Seconds until a runaway is refused."""


@pytest.fixture
def engine() -> Iterator[JqEngine]:
    engine = JqEngine()
    yield engine
    engine.close()
    assert engine._pool.pids() == []


def is_there(pid: int) -> bool:
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        return state != "Z"
    return False


def until(condition: Any, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(TICK)
    return True


RUNAWAYS = [
    "def f: f; f",
    "def f: 1 + f; f",
    "last(range(1e12))",
    "[range(1e9)]",
    "[.,.] | until(false; . + .)",
    "[.] | until(false; [., .] | tojson | [.])",
    '[limit(1e9; repeat("x"))]',
    '"x" * 1000000 | repeat(.)',
    "[range(1e7)] | combinations(9)",
    '[limit(1000000; repeat("a"))] | join("") | test("(a*)*b")',
    "try error catch (def f: f; f)",
    "[.inputs.n | range(.) | select(. < 0)]",
]


@pytest.mark.parametrize("source", RUNAWAYS)
async def test_a_runaway_is_stopped_while_the_loop_goes_on(engine: JqEngine, source: str) -> None:
    loop = asyncio.get_running_loop()
    gaps: list[float] = []
    done = asyncio.Event()

    async def tick() -> None:
        last = time.monotonic()
        while not done.is_set():
            await asyncio.sleep(TICK)
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    ticking = asyncio.create_task(tick())
    expression = engine.compile(source)
    start = time.monotonic()
    with pytest.raises(ExecutionError) as caught:
        await loop.run_in_executor(None, expression.evaluate, {"inputs": {"n": 100_000_000_000}})
    took = time.monotonic() - start
    done.set()
    await ticking
    assert took < LONGEST
    assert max(gaps) < LONGEST_GAP
    assert any(
        words in caught.value.message
        for words in ("longer than 1 s", "of memory", "of JSON", "too deep", "pattern")
    )
    assert engine.compile(".inputs.n").evaluate({"inputs": {"n": 1}}) == 1


def test_a_runaway_holds_up_no_other(engine: JqEngine) -> None:
    quick = engine.compile(".inputs.n + 1")
    quick.evaluate({"inputs": {"n": 1}})
    runaway = engine.compile("def f: f; f")

    def burn() -> None:
        with pytest.raises(ExecutionError):
            runaway.evaluate({})

    burning = threading.Thread(target=burn)
    burning.start()
    start = time.monotonic()
    for number in range(20):
        assert quick.evaluate({"inputs": {"n": number}}) == number + 1
    assert time.monotonic() - start < 1.0
    assert burning.is_alive()
    burning.join(LONGEST)
    assert not burning.is_alive()


def test_several_runaways_at_once_are_all_stopped(engine: JqEngine) -> None:
    runaway = engine.compile("def f: f; f")
    messages: list[str] = []

    def burn() -> None:
        try:
            runaway.evaluate({})
        except ExecutionError as error:
            messages.append(error.message)

    threads = [threading.Thread(target=burn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * LONGEST)
    assert messages == ["the program takes longer than 1 s"] * 4
    assert engine.compile("1").evaluate({}) == 1


def test_one_program_in_many_threads(engine: JqEngine) -> None:
    expression = engine.compile(".inputs.l | map(. * 2)")
    wrong: list[Any] = []

    def work(number: int) -> None:
        for _ in range(30):
            found = expression.evaluate({"inputs": {"l": [number] * number}})
            if found != [2 * number] * number:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert len(engine._pool.pids()) <= 2


def test_a_large_result_is_refused_and_a_smaller_one_is_not(engine: JqEngine) -> None:
    half = worker.MOST_OUTPUT // 2
    assert len(engine.compile(f'"x" * {half}').evaluate({})) == half
    for source in ('[.[], "x" * {n}]', '"y" + ("x" * {n})', '"x" * {n} | ., ., .'):
        expression = engine.compile(f"[] | {source}".replace("{n}", str(half * 2)))
        with pytest.raises(ExecutionError, match="more than 32 MiB of JSON"):
            expression.evaluate({})


def test_a_program_is_run_again_when_its_process_is_killed(engine: JqEngine) -> None:
    slow = engine.compile("[limit(500000; range(1e9))] | length")
    (pid,) = engine._pool.pids()
    killer = threading.Timer(0.05, os.kill, (pid, signal.SIGKILL))
    killer.start()
    assert slow.evaluate({}) == 500_000
    killer.join()
    assert engine._pool.pids() != [pid]


def test_killed_at_rest_and_stopped_for_good(engine: JqEngine) -> None:
    expression = engine.compile(".inputs.n")
    for _ in range(3):
        (pid,) = engine._pool.pids()
        os.kill(pid, signal.SIGKILL)
        assert expression.evaluate({"inputs": {"n": 3}}) == 3
    os.kill(engine._pool.pids()[0], signal.SIGSTOP)
    with pytest.raises(ExecutionError, match="longer than 1 s"):
        expression.evaluate({"inputs": {"n": 3}})
    assert expression.evaluate({"inputs": {"n": 3}}) == 3


def test_killed_again_and_again(engine: JqEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    expression = engine.compile("1")
    ask = process.Worker.ask

    def killed(self: process.Worker, *arguments: Any) -> Any:
        os.kill(self.pid, signal.SIGKILL)
        return ask(self, *arguments)

    monkeypatch.setattr(process.Worker, "ask", killed)
    with pytest.raises(ExecutionError, match="ended from outside"):
        expression.evaluate({})
    with pytest.raises(ExpressionSyntaxError, match="ended from outside"):
        engine.compile("2")


def test_a_process_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = JqEngine()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ExpressionSyntaxError, match="cannot be started: No such file"):
        engine.compile("1")
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(ExpressionSyntaxError, match="ended or did not answer"):
        engine.compile("1")
    monkeypatch.undo()
    assert engine.compile("1").evaluate({}) == 1  # nothing is kept of the failures
    engine.close()


@pytest.mark.parametrize(
    "program",
    [
        "$ENV", "env", "{} | env.PATH", "[$ENV, env] | tojson", 'import "passwd" as $p {search: "/etc"}; $p',
        "input_filename",
        "get_search_list", "input", "[inputs]", "halt", "halt_error", "debug", "stderr", "modulemeta",
        'include "x" {search: "/"}; 1',
    ],
)  # fmt: skip
def test_the_process_gives_away_nothing_even_when_asked_directly(
    engine: JqEngine, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPCODE_VAULT_KEY", "correct horse")
    kind, answer = engine._pool.ask(program.encode(), b'"document"', 1)
    assert kind in b"vce"
    assert b"horse" not in answer
    assert b"root:" not in answer
    assert b"/usr" not in answer


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_process_has_nothing(engine: JqEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPCODE_VAULT_KEY", "correct horse")
    engine.compile("1")
    (pid,) = engine._pool.pids()
    here = Path(f"/proc/{pid}")
    assert here.joinpath("environ").read_bytes() == b""
    assert {entry.name for entry in here.joinpath("fd").iterdir()} == {"0", "1", "2"}
    assert here.joinpath("cwd").readlink() == Path("/")
    assert os.getsid(pid) == pid
    limits = here.joinpath("limits").read_text(encoding="utf-8")
    assert " ".join(
        next(x for x in limits.splitlines() if x.startswith("Max open files")).split()
    ) == ("Max open files 3 3 files")
    assert str(worker.MEMORY) in next(
        x for x in limits.splitlines() if x.startswith("Max address space")
    )


def test_processes_start_when_needed_and_end_with_the_engine() -> None:
    engine = JqEngine()
    assert engine._pool.pids() == []
    with pytest.raises(ExpressionSyntaxError):
        engine.compile("env")
    assert engine._pool.pids() == []  # what is refused by its text needs none
    expression = engine.compile("1")
    (pid,) = engine._pool.pids()
    del engine
    gc.collect()
    assert expression.evaluate({}) == 1  # the expression goes on
    del expression
    gc.collect()
    assert not is_there(pid)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open")
def test_ending_a_worker_sleeps_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may happen wherever memory is collected: on the event loop, too."""
    one = process.Worker()
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"slept {seconds} s"))
    one.end()
    assert not is_there(one.pid)


def test_it_comes_in_by_its_entry_point() -> None:
    (entry,) = entry_points(group="opcode", name="jq")
    engines: dict[str, Any] = {}
    entry.load().opcode_register_expression_engines(register=engines.__setitem__)
    engine = engines["jq"](ExpressionLimits())
    assert engine.name == "jq"
    expression = engine.compile(".inputs.x")
    assert isinstance(expression, Expression)
    assert expression.evaluate({"inputs": {"x": 1}}) == 1
    engine.close()


def test_a_compiled_program_is_kept(engine: JqEngine) -> None:
    assert engine.compile(".inputs.kept") is engine.compile(".inputs.kept")
    assert engine.compile(".loop.x", extra={"loop": "iter"}).reads == (("iter", "x"),)
    assert engine.compile(".loop.x", extra={"loop": "iter"}).evaluate({"iter": {"x": 2}}) == 2
    with pytest.raises(ExpressionSyntaxError):
        engine.compile(".loop.x")
    assert engine.compile(".inputs.kept").quick is False
    assert engine.compile(" .inputs.kept").source == " .inputs.kept"


SCRIPT = """
import os, sys, threading, time
from opcode_expr_jq.engine import JqEngine
engine = JqEngine()
engine.compile("1")
burning = engine.compile("def f: f; f")
thread = threading.Thread(target=lambda: burning.evaluate({}), daemon=True)
thread.start()
while len(engine._pool.pids()) < 1 or not engine._pool._workers._busy:
    time.sleep(0.001)
engine.compile("2")
print(*engine._pool.pids(), flush=True)
%s
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("ending", ["pass", "os.kill(os.getpid(), 9)"])
def test_no_process_outlives_the_server(ending: str) -> None:
    """One is busy, one idle; the busy one ends by its own alarm if nobody ends it."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT) % ending],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )
    pids = [int(text) for text in run.stdout.split()]
    assert len(pids) == 2
    assert until(lambda: not any(map(is_there, pids)), worker.ALARM + 2)
