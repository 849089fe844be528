"""Step types: loops, branches and conditions, and nested steps against those of the definition itself."""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import Figure, figure, ratio
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.service import Service
from opcode_core.settings import Settings
from shapes import parallel, registry

_AGENT = "bench"
_ROUNDS = 1000
_BODY = 10


async def measure_step_types(scale: float) -> list[Figure]:
    """Measure shapes of nested steps; every step is a pure no-op.

    Args:
        scale: The part of the usual number of runs.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(db_path=Path(folder) / "bench.db", durability="normal")
        async with open_service(settings, registry=registry()) as service:
            return await _measure(service, scale)


async def _measure(service: Service, scale: float) -> list[Figure]:
    runs = max(3, round(15 * scale))
    few = max(3, round(7 * scale))
    loop = figure("", await _times(service, _loop(1), few))
    branches = figure("", await _times(service, _branches(100), runs))
    chain = figure("", await _times(service, _conditions(100), runs))
    figures = [
        _with(loop, f"a loop of {_ROUNDS}, one step in it", _each(loop, _ROUNDS, "an iteration")),
        _with(branches, "a parallel of 100 branches", _each(branches, 100, "a branch")),
        _with(chain, "100 conditions in a row", _each(chain, 100, "a condition with its branch")),
    ]
    return [*figures, *await _nested(service, loop, few)]


async def _nested(service: Service, short: Figure, runs: int) -> list[Figure]:
    """A step more in the body of a loop, against a step more in the definition's own list."""
    count = _ROUNDS * _BODY
    long = figure("", await _times(service, _loop(1 + _BODY), runs))
    level = figure("", await _times(service, parallel(count), runs))
    row = figure("", await _times(service, _row(count), runs))
    base = figure("", await _times(service, parallel(1), runs * 5))
    more = _difference("a nested step, of a loop's body", long, short, count)
    own_level = _difference("a step of the definition's own, in one level", level, base, count)
    own_row = _difference("a step of the definition's own, one after another", row, base, count)
    whole = (long.value - base.value) / (count + _ROUNDS) / (own_row.value / 1000)
    note = f"with what an iteration costs shared out among its {1 + _BODY} steps: {whole:.2f}"
    return [
        more,
        own_level,
        own_row,
        ratio("a nested step against one in one level", more, own_level, 1.5),
        ratio("a nested step against one after another", more, own_row, 1.5, note),
    ]


def _difference(name: str, with_it: Figure, without: Figure, count: int) -> Figure:
    times = [
        (one - without.value) / count / 1000 for one in (with_it.least, with_it.value, with_it.most)
    ]
    return figure(name, times, unit="µs", note=f"{count} of them")


def _with(found: Figure, name: str, note: str) -> Figure:
    return Figure(name, found.value, found.unit, found.least, found.most, note=note)


def _each(found: Figure, count: int, what: str) -> str:
    return f"{found.value / count * 1000:.1f} µs {what}"


async def _times(service: Service, definition: dict[str, Any], runs: int) -> list[float]:
    name = f"shape{id(definition)}"
    await service.define(DefineRequest(name, definition, _AGENT))
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        answer = await service.run(RunRequest(name, _AGENT, wait_ms=50_000))
        times.append(time.perf_counter() - began)
        if answer["status"] != "completed":
            raise AssertionError(answer["status"])
    return times[1:]


def _steps(count: int) -> list[dict[str, Any]]:
    return [{"id": f"s{n}", "action": "bench.pure", "params": {"n": n}} for n in range(count)]


def _loop(body: int) -> dict[str, Any]:
    config = {"mode": "for_each", "over": list(range(_ROUNDS)), "body": _steps(body)}
    return {"steps": [{"id": "each", "type": "loop", "config": config}], "output": 1}


def _branches(count: int) -> dict[str, Any]:
    config = {"branches": [_steps(1) for _ in range(count)]}
    return {"steps": [{"id": "all", "type": "parallel", "config": config}]}


def _conditions(count: int) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    for n in range(count):
        config = {"expression": "inputs.n > 3", "branches": {"true": _steps(1)}}
        step: dict[str, Any] = {"id": f"c{n}", "type": "condition", "config": config}
        if n:
            step["depends_on"] = [f"c{n - 1}"]
        steps.append(step)
    return {"inputs": {"n": 12}, "steps": steps}


def _row(count: int) -> dict[str, Any]:
    steps = _steps(count)
    for before, step in itertools.pairwise(steps):
        step["depends_on"] = [before["id"]]
    return {"steps": steps}
