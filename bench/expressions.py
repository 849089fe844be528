"""Expressions: compiling and evaluating them, and what they cost in a workflow."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from measure import Figure, figure, ratio
from opcode_core.expressions import ExpressionEngine
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.registry import Registry
from opcode_core.service import Service
from opcode_core.settings import Settings
from shapes import big_output, registry

_AGENT = "bench"
_SMALL = {"cel": "inputs.n > {n}", "jq": ".inputs.n > {n}", "expr": "inputs.n > {n}"}
_TYPICAL = {
    "cel": "steps.call.output.code == 200 && inputs.mode == 'strict' && size(steps.call.output.name) > {n}",
    "jq": '.steps.call.output.code == 200 and .inputs.mode == "strict" and (.steps.call.output.name | length) > {n}',
    "expr": "steps.call.output.code == 200 && inputs.mode == 'strict' && len(steps.call.output.name) > {n}",
}
_MAPPING = {
    "cel": "steps.big.output.rows.filter(r, r.n > {n}).map(r, r.name)",
    "jq": "[.steps.big.output.rows[] | select(.n > {n}) | .name]",
    "expr": "map(filter(steps.big.output.rows, .n > {n}), .name)",
}
_SIZES = {"1 KB": 1 << 10, "100 KB": 100 << 10, "1 MB": 1 << 20}
_GUARDS = 100


async def measure_expressions(scale: float) -> dict[str, list[Figure]]:
    """Measure all engines.

    Args:
        scale: The part of the usual number of runs.
    """
    known = registry()
    sections = {
        "Expressions: compiling": _compiling(known, scale),
        "Expressions: evaluating": _evaluating(known, scale),
    }
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(db_path=Path(folder) / "bench.db", durability="normal")
        async with open_service(settings, registry=known) as service:
            guards = [await _guards(service, engine, scale) for engine in _SMALL]
    sections["Expressions: in a workflow"] = [*guards, *_diagnosed(known, scale)]
    return sections


def _compiling(known: Registry, scale: float) -> list[Figure]:
    figures = []
    for engine in _SMALL:
        compile_source = _engine(known, engine).compile
        compile_source("1")  # the first one loads what the engine needs
        for what, sources in _KINDS.items():
            times = []
            for n in range(round(100 * scale)):
                source = sources[engine].format(n=1000 + n)  # one that was not compiled before
                times.append(_timed(partial(compile_source, source), 1))
            figures.append(figure(f"{engine}: {what}", times, unit="µs"))
    return figures


def _evaluating(known: Registry, scale: float) -> list[Figure]:
    figures = []
    for engine in _SMALL:
        for what, sources in _KINDS.items():
            expression = _engine(known, engine).compile(sources[engine].format(n=3))
            for size, length in _SIZES.items():
                if what == "small" and size != "1 KB":
                    continue
                evaluate = partial(expression.evaluate, _scope(length))
                once = max(_timed(evaluate, 1) for _ in range(2))
                together = max(1, min(1000, round(0.01 / once)))
                times = [_timed(evaluate, together) for _ in range(max(3, round(15 * scale)))]
                read = "read" if what == "filter and map" else "unread"
                figures.append(figure(f"{engine}: {what}, {size} {read}", times, unit="µs"))
    return figures


_KINDS = {"small": _SMALL, "typical": _TYPICAL, "filter and map": _MAPPING}


def _engine(known: Registry, name: str) -> ExpressionEngine:
    engine = known.engine(name)
    if engine is None:
        raise AssertionError(f"no plugin brought {name}")
    return engine


def _scope(length: int) -> dict[str, Any]:
    def step(output: dict[str, Any]) -> dict[str, Any]:
        return {**output, "output": output, "status": "completed", "error": None}

    return {
        "steps": {"call": step({"code": 200, "name": "somebody"}), "big": step(big_output(length))},
        "inputs": {"n": 12, "mode": "strict"},
        "workflow": {"run_id": "w", "status": "active"},
        "context": {},
    }


def _timed(work: Callable[[], Any], count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - began) / count


async def _guards(service: Service, engine: str, scale: float) -> Figure:
    """A hundred guarded steps after an output of a megabyte, against the same after a small one."""
    found = {}
    for size, length in (("small", 1), ("big", 1 << 20)):
        name = f"guards.{engine}.{size}"
        definition = _guarded(engine, length)
        await service.define(DefineRequest(name, definition, _AGENT))
        found[size] = name
    times: dict[str, list[float]] = {"small": [], "big": []}
    for _ in range(max(5, round(15 * scale)) + 1):
        for size, name in found.items():
            times[size].append(await _after_the_output(service, name))
    small = figure("", [one / _GUARDS for one in times["small"][1:]], unit="µs")
    big = figure("", [one / _GUARDS for one in times["big"][1:]], unit="µs")
    note = f"{big.value:.0f} against {small.value:.0f} µs a guarded step"
    return ratio(f"{engine}: guards beside an output of 1 MB", big, small, 2.0, note)


def _guarded(engine: str, length: int) -> dict[str, Any]:
    """One output, a step that waits until it is stored, then guards on small things."""
    sources = {
        "cel": "inputs.n > 3 && steps.settle.output.n == 0",
        "jq": ".inputs.n > 3 and .steps.settle.output.n == 0",
        "expr": "inputs.n > 3 && steps.settle.output.n == 0",
    }
    steps: list[dict[str, Any]] = [
        {"id": "big", "action": "bench.rows", "params": {"size": length}},
        {"id": "settle", "action": "bench.unsafe", "depends_on": ["big"]},
    ]
    for n in range(_GUARDS):
        guard = {engine: sources[engine]}
        steps.append(
            {"id": f"g{n}", "action": "bench.pure", "depends_on": ["settle"], "condition": guard}
        )
    return {"inputs": {"n": 12}, "steps": steps, "output": "${{steps.g0.output.n}}"}


async def _after_the_output(service: Service, name: str) -> float:
    """From the moment the output is stored to the end of the workflow, by the times of its events."""
    _, events = await service.watch(RunRequest(name, _AGENT))
    began = ended = 0
    while (event := await events.get()) is not None:
        ended = event.timestamp
        if event.step_id == "settle":
            began = event.timestamp
        if event.event_type in ("step_failed", "step_skipped"):
            raise AssertionError(event.payload)
    return (ended - began) / 1e6


def _diagnosed(known: Registry, scale: float) -> list[Figure]:
    figures = []
    for guards, name in (
        (False, "with references"),
        (True, "with references and 100 guards in CEL"),
    ):
        times = []
        for run in range(max(5, round(15 * scale))):
            definition = _definition(run, guards=guards)
            began = time.perf_counter()
            problems = diagnose(definition, known).problems
            times.append(time.perf_counter() - began)
            if problems:
                raise AssertionError(problems)
        note = "no guard was compiled before" if guards else "1000 references"
        figures.append(figure(f"500 steps {name}", times, 60.0, note))
    return figures


def _definition(run: int, *, guards: bool) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"id": "s0", "action": "crypto.uuid"}]
    for n in range(1, 500):
        before = f"steps.s{n - 1}.output"
        step: dict[str, Any] = {
            "id": f"s{n}",
            "action": "crypto.hash",
            "depends_on": [f"s{n - 1}"],
            "params": {"data": f"${{{{{before}}}}} of ${{{{inputs.name}}}}"},
        }
        if guards and n % 5 == 0:
            step["condition"] = (
                f"inputs.n > {run * 1000 + n} || steps.s{n - 1}.status == 'completed'"
            )
        steps.append(step)
    return {"inputs": {"name": "x", "n": 1}, "steps": steps}
