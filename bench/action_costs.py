"""Actions against what they stand on: the same thing done in this process without a workflow."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx2
from measure import Figure, figure, ratio
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.service import Service
from opcode_core.settings import Settings
from shapes import registry

_AGENT = "bench"
_IN_A_ROW = 20
_POOL = 10
Work = Callable[[], Awaitable[Any]]


def measure_actions(scale: float) -> list[Figure]:
    """Measure actions that do something.

    Args:
        scale: The part of the usual number of runs.
    """
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("loopback.py"))], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    url = f"http://127.0.0.1:{int(server.stdout.readline())}/"
    try:
        return asyncio.run(_measure(url, max(5, round(25 * scale))))
    finally:
        server.terminate()
        server.wait(30)
        server.stdout.close()


async def _measure(url: str, runs: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        async with _service(place / "a") as service, _service(place / "b", "off") as unconfined:
            return [
                *await _http(service, url, runs),
                *await _shell(service, unconfined, runs),
                *await _file(service, place / "big.txt", runs),
                *await _hash(service, runs),
            ]


def _service(place: Path, sandbox: str = "auto") -> AbstractAsyncContextManager[Service]:
    place.mkdir()
    settings = Settings(
        db_path=place / "bench.db",
        durability="normal",
        pool_size=_POOL,
        values={"fs.roots": [str(place.parent)], "shell.sandbox": sandbox},
    )
    return open_service(settings, registry=registry())


async def _http(service: Service, url: str, runs: int) -> list[Figure]:
    get = {"action": "http.get", "params": {"url": url}}
    async with httpx2.AsyncClient(trust_env=False, timeout=None) as client:
        row = await _both(
            await _row(service, get), _again(lambda: _get(client, url)), runs, _IN_A_ROW
        )
        slots = asyncio.Semaphore(_POOL)

        async def in_slot() -> None:
            async with slots:
                await _get(client, url)

        async def all_at_once() -> None:
            await asyncio.gather(*(in_slot() for _ in range(100)))

        level = await _both(await _level(service, get, 100), all_at_once, runs, 1)
    ours, floor = row
    many, many_floor = level
    return [
        figure("http.get on loopback, a step", ours, unit="µs"),
        figure("the client alone", floor, unit="µs"),
        _over("http.get against the client alone", ours, floor, 1.3),
        figure("100 http.get side by side", many, note=f"a pool of {_POOL}"),
        figure("100 requests of the client, 10 at a time", many_floor),
        _over("100 http.get against the client alone", many, many_floor, 1.3),
    ]


async def _get(client: httpx2.AsyncClient, url: str) -> None:
    (await client.get(url)).json()


async def _shell(service: Service, unconfined: Service, runs: int) -> list[Figure]:
    async def spawn() -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("true", stdout=pipe, stderr=pipe)
        await process.communicate()

    step = {"action": "shell.exec", "params": {"command": "true"}}
    rows = [await _row(service, step), await _row(unconfined, step), _again(spawn)]
    confined, free, floor = await _in_turn(rows, runs, _IN_A_ROW)
    return [
        figure("shell.exec of true, a step", confined, unit="µs"),
        figure("without isolation", free, unit="µs", note="`shell.sandbox` is `off`"),
        figure("a bare spawn of true", floor, unit="µs"),
    ]


async def _file(service: Service, path: Path, runs: int) -> list[Figure]:
    await asyncio.to_thread(path.write_text, "sixteen letters\n" * (1 << 16), encoding="ascii")

    async def read() -> None:
        await asyncio.to_thread(path.read_text, encoding="utf-8")

    step = {"action": "fs.read", "params": {"path": str(path)}}
    workflow = await _level(service, step, 1)
    ours, floor = await _both(workflow, read, runs, 1)
    return [
        figure("a workflow with fs.read of 1 MB", ours, note="its output is stored and answered"),
        figure("1 MB read in a thread", floor),
    ]


async def _hash(service: Service, runs: int) -> list[Figure]:
    async def digest() -> None:
        hashlib.sha256(b"a text to be hashed").hexdigest()

    step = {"action": "crypto.hash", "params": {"data": "a text to be hashed"}}
    ours, floor = await _both(await _row(service, step), _again(digest), runs, _IN_A_ROW)
    return [
        figure("crypto.hash, a step", ours, unit="µs"),
        figure("sha256 alone", floor, unit="µs"),
    ]


async def _row(service: Service, step: dict[str, Any]) -> Work:
    """A workflow of such steps, one after the other."""
    steps: list[dict[str, Any]] = []
    for n in range(_IN_A_ROW):
        after = {"depends_on": [f"s{n - 1}"]} if n else {}
        steps.append({"id": f"s{n}", **step, **after})
    return await _workflow(service, f"row.{step['action']}", {"steps": steps})


async def _level(service: Service, step: dict[str, Any], count: int) -> Work:
    """A workflow of such steps, side by side."""
    steps = [{"id": f"s{n}", **step} for n in range(count)]
    return await _workflow(service, f"level.{step['action']}", {"steps": steps})


async def _workflow(service: Service, name: str, definition: dict[str, Any]) -> Work:
    await service.define(DefineRequest(name, definition, _AGENT))

    async def run() -> None:
        answer = await service.run(RunRequest(name, _AGENT))
        if answer["status"] != "completed":
            raise AssertionError(answer)

    return run


def _again(work: Work) -> Work:
    async def run() -> None:
        for _ in range(_IN_A_ROW):
            await work()

    return run


async def _both(one: Work, other: Work, runs: int, count: int) -> list[list[float]]:
    """The times of two things that are done in turn, for each of `count` in them."""
    return await _in_turn([one, other], runs, count)


async def _in_turn(works: list[Work], runs: int, count: int) -> list[list[float]]:
    """The times of things that are done in turn, for each of `count` in them."""
    times: list[list[float]] = [[] for _ in works]
    for run in range(runs + 2):
        for work, kept in zip(works, times, strict=True):
            began = time.perf_counter()
            await work()
            if run > 1:
                kept.append((time.perf_counter() - began) / count)
    return times


def _over(name: str, ours: list[float], floor: list[float], target: float) -> Figure:
    return ratio(name, figure("", ours), figure("", floor), target)
