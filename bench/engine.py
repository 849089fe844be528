"""Durable workflows in this process, through the service."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from measure import Figure, figure, single
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.service import Service
from opcode_core.settings import Settings
from shapes import parallel, registry, sequential

_AGENT = "bench"
_CLIENTS = 32
_SHAPES: dict[str, tuple[dict[str, Any], int, float | None]] = {
    "10 parallel pure": (parallel(10), 200, 0.4),
    "10 sequential pure": (sequential(10), 200, 0.5),
    "10 sequential unsafe": (sequential(10, "bench.unsafe"), 100, 1.5),
    "100 parallel pure": (parallel(100), 60, 2.5),
    "500 parallel pure": (parallel(500), 20, 12.0),
    "5000 parallel pure": (parallel(5000), 5, None),
}


async def measure_engine(durability: Literal["normal", "full"], scale: float) -> list[Figure]:
    """Measure all shapes under one durability.

    Args:
        durability: How far a commit goes.
        scale: The part of the usual number of runs.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(db_path=Path(folder) / "bench.db", durability=durability)
        async with open_service(settings, registry=registry()) as service:
            return await _measure(service, durability, scale)


async def _measure(service: Service, durability: str, scale: float) -> list[Figure]:
    figures: list[Figure] = []
    per_step: dict[str, float] = {}
    for name, (definition, runs, target) in _SHAPES.items():
        await service.define(DefineRequest(_template(name), definition, _AGENT))
        times = [await _run(service, name) for _ in range(max(3, round(runs * scale)) + 1)][1:]
        held = target if durability == "normal" else None
        steps = len(definition["steps"])
        one = figure(name, times, held)
        per_step[name] = one.value / steps * 1000
        figures.append(figure(name, times, held, f"{per_step[name]:.1f} µs a step"))
    flat = per_step["5000 parallel pure"] / per_step["10 parallel pure"]
    figures.append(single("cost of a step, 5000 against 10", flat, "times", 1.5))
    figures.append(await _at_once(service, durability, scale))
    return figures


async def _run(service: Service, name: str) -> float:
    began = time.perf_counter()
    answer = await service.run(RunRequest(_template(name), _AGENT))
    took = time.perf_counter() - began
    if answer["status"] != "completed":
        raise AssertionError(answer)
    return took


async def _at_once(service: Service, durability: str, scale: float) -> Figure:
    each = max(5, round(40 * scale))

    async def client() -> None:
        for _ in range(each):
            await _run(service, "10 parallel pure")

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(_CLIENTS)))
    rate = _CLIENTS * each / (time.perf_counter() - began)
    target = 3000.0 if durability == "normal" else None
    return single(f"{_CLIENTS} at once, 10 steps each", rate, "wf/s", target, at_least=True)


def commit_figures(normal: list[Figure], full: list[Figure]) -> list[Figure]:
    """What a commit costs more when it has to reach the disk."""
    by_name = {one.name: one for one in full}
    found = []
    for one, commits in ((normal[0], 1), (normal[2], 11)):
        more = (by_name[one.name].value - one.value) / commits
        found.append(single(f"FULL over NORMAL, a commit ({one.name})", more, "ms", 0.5))
    return found


def measure_floor(scale: float) -> list[Figure]:
    """The rows of a ten-step workflow, written by SQLite alone: no engine, no thread."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        for pragma in ("journal_mode=wal", "synchronous=normal"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(
            "CREATE TABLE e (w TEXT, s INTEGER, p TEXT, PRIMARY KEY (w, s)) STRICT, WITHOUT ROWID"
        )
        statement = f"INSERT INTO e VALUES {','.join(['(?,?,?)'] * 22)}"
        for run in range(round(400 * scale) + 10):
            values = [value for n in range(22) for value in (f"w{run}", n, '{"output":{"n":1}}')]
            began = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(statement, values)
            connection.execute("COMMIT")
            times.append(time.perf_counter() - began)
        connection.close()
    return [figure("22 rows in one commit, SQLite alone", times)]


def _template(name: str) -> str:
    return name.replace(" ", "-")
