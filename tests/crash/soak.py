"""The soak: random workflows, a server that is killed every few seconds, and every result checked.

    python -m crash.soak [--minutes 10] [--seed 1]

At the end the database is looked at from outside, and what the server took of memory and disk must not have grown with
time.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from crash.audit import audit
from crash.shim import TESTS
from crash.soak_templates import CHILD, RandomTemplate

CLIENTS = 6
TEMPLATES = 40
KILL_SECONDS = (5.0, 40.0)
PAUSE_SECONDS = 0.15
CALL_SECONDS = 60.0
MOST_WAL_BYTES = 64 << 20
GROWTH = 1.35
"""How much more the last third may take than the first."""


class GoneError(Exception):
    """The server was killed before it answered."""


class Server:
    """The server, started again whenever it was killed.

    Args:
        folder: Its files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()
        self.crashes = 0

    @property
    def pid(self) -> int:
        """Its process."""
        return 0 if self._process is None else self._process.pid

    async def live(self) -> None:
        """Start it, and again whenever it has gone."""
        while True:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "crash.soak_server", str(self._folder)),
                cwd=TESTS,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=1 << 22,
            )
            assert self._process.stdout is not None
            async for line in self._process.stdout:
                try:
                    message = json.loads(line)
                except ValueError:
                    continue  # it was killed in the middle of a line
                if "ready" in message:
                    self._ready.set()
                elif (waiting := self._answers.pop(message["id"], None)) and not waiting.done():
                    waiting.set_result(message)
            self._ready.clear()
            await self._process.wait()
            for waiting in self._answers.values():
                if not waiting.done():
                    waiting.set_exception(GoneError())
            self._answers.clear()

    async def call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Call it, again whenever it was killed meanwhile; every call may be made twice."""
        while True:
            await self._ready.wait()
            number = next(self._numbers)
            waiting = self._answers[number] = asyncio.get_running_loop().create_future()
            line = json.dumps({"id": number, "verb": verb, "arguments": arguments}) + "\n"
            try:
                assert self._process is not None
                assert self._process.stdin is not None
                self._process.stdin.write(line.encode())
                async with asyncio.timeout(CALL_SECONDS):
                    return dict(await waiting)
            except (GoneError, ConnectionError):
                await asyncio.sleep(0.01)

    def kill(self) -> None:
        """Kill it, as `kill -9` does."""
        if self._process is not None and self._ready.is_set():
            self.crashes += 1
            self._ready.clear()
            self._process.kill()

    async def end(self) -> None:
        """Let it come to its end by itself."""
        await self._ready.wait()
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


class Soak:
    """The soak.

    Args:
        server: What is soaked.
        seed: What is made of chance.
    """

    def __init__(self, server: Server, folder: Path, seed: int) -> None:
        self._server = server
        self._folder = folder
        self._chance = random.Random(seed)
        self._templates = [RandomTemplate(seed * 1000 + one) for one in range(TEMPLATES)]
        self._until = 0.0
        self.done = 0
        self.wrong: list[str] = []
        self.samples: list[tuple[float, int, int, int]] = []

    async def run(self, seconds: float) -> None:
        """Let workflows run for so long, and the server be killed meanwhile."""
        living = asyncio.create_task(self._server.live())
        await self._server.call("define", name="child", definition=CHILD, agent_id="soak")
        for number, template in enumerate(self._templates):
            told = await self._server.call(
                "define", name=f"t{number}", definition=template.definition, agent_id="soak"
            )
            if "error" in told:
                raise AssertionError(told)
        self._until = time.monotonic() + seconds
        others = [asyncio.create_task(one) for one in (self._kill(), self._measure())]
        await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))
        for other in others:
            other.cancel()
        living.cancel()
        await self._server.end()

    async def _client(self, client: int) -> None:
        for number in itertools.count():
            if time.monotonic() > self._until:
                return
            which = self._chance.randrange(TEMPLATES)
            await self._one(f"{client}-{number}", which, self._chance.randint(0, 10**6))
            self.done += 1
            await asyncio.sleep(PAUSE_SECONDS * self._chance.random())

    async def _one(self, key: str, which: int, n: int) -> None:
        told = await self._server.call(
            "run",
            template_name=f"t{which}",
            agent_id="soak",
            params={"n": n},
            idempotency_key=key,
            wait_ms=2000,
        )
        while True:
            if "error" in told:
                self.wrong.append(f"{key}: {told}")
                return
            answer = told["answer"]
            if answer["status"] not in ("active", "suspended"):
                break
            if answer["status"] == "suspended":
                await self._bring_on(answer)
            told = await self._server.call(
                "status", workflow_id=answer["workflow_id"], wait_ms=2000
            )
        expected = {"n": n, **self._templates[which].expected}
        if answer.get("output") != expected:
            self.wrong.append(f"{key}: {answer.get('output') or answer} instead of {expected}")

    async def _bring_on(self, answer: dict[str, Any]) -> None:
        """Give a workflow what it waits for; what came twice is refused, and that is as it should be."""
        workflow_id = answer["workflow_id"]
        for step_id, found in answer["steps"].items():
            if found["status"] != "suspended":
                continue
            kind, payload = None, {}
            if (found.get("error") or {}).get("code") == "INTERRUPTED":
                kind = "retry"
            elif step_id.startswith("ask"):
                kind, payload = "decision", {"choice": "two"}
            elif step_id.startswith("go"):
                kind, payload = "data", {"signal": step_id, "from": "soak"}
            elif step_id.startswith("run"):
                await self._bring_child_on(workflow_id, step_id)
            if kind is not None:
                await self._server.call(
                    "signal",
                    workflow_id=workflow_id,
                    signal_type=kind,
                    payload=payload,
                    step_id=step_id,
                    agent_id="soak",
                    wait_ms=2000,
                )

    async def _bring_child_on(self, workflow_id: str, step_id: str) -> None:
        told = await self._server.call("status", workflow_id=workflow_id, include=["events"])
        for event in told["answer"].get("events", ()):
            child = (event.get("payload") or {}).get("child")
            if child is not None and event.get("step_id") == step_id:
                answer = (await self._server.call("status", workflow_id=child))["answer"]
                if answer["status"] == "suspended":
                    await self._bring_on(answer)

    async def _kill(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(*KILL_SECONDS))
            self._server.kill()

    async def _measure(self) -> None:
        """Note now and then what the server takes: time, done so far, bytes of memory and of disk."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(2)
            memory = await asyncio.to_thread(_memory, self._server.pid)
            log = self._folder / "x.db-wal"
            size = log.stat().st_size if log.exists() else 0
            if size > MOST_WAL_BYTES:
                self.wrong.append(f"the write-ahead log has {size} bytes")
            disk = (self._folder / "x.db").stat().st_size
            if memory and self.done:
                self.samples.append((time.monotonic() - began, self.done, memory, disk))


def _memory(pid: int) -> int:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def growth(samples: list[tuple[float, int, int, int]]) -> dict[str, float]:
    """What the last third of the time took over the first: memory, and disk for each workflow."""
    third = max(1, len(samples) // 3)
    first, last = samples[:third], samples[-third:]

    def each(part: list[tuple[float, int, int, int]]) -> float:
        return (part[-1][3] - part[0][3]) / max(1, part[-1][1] - part[0][1])

    memory = median(sample[2] for sample in last) / median(sample[2] for sample in first)
    return {"memory": round(memory, 2), "disk": round(each(last) / max(1.0, each(first)), 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description="Random workflows on a server that is killed.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="opcode-soak-") as name:
        folder = Path(name)
        server = Server(folder)
        soak = Soak(server, folder, options.seed)
        asyncio.run(soak.run(options.minutes * 60))
        wrong = soak.wrong + audit(folder / "x.db", folder / "trace", server.crashes)
        grown = growth(soak.samples)
        last = soak.samples[-1]
    wrong += [f"{what} grew {times} times" for what, times in grown.items() if times > GROWTH]
    if not server.crashes or soak.done < options.minutes * 100:
        wrong.append("hardly anything happened")
    report = {
        "seed": options.seed,
        "workflows": soak.done,
        "crashes": server.crashes,
        "memory_mb": round(last[2] / 1e6, 1),
        "disk_mb": round(last[3] / 1e6, 1),
        "growth": grown,
        "wrong": wrong[:20],
    }
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
