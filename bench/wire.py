"""The server as a client has it: calls over real stdio beside the SDK's own floor, start-up, memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import Figure, figure, single

_INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}
_STEP = {"steps": [{"id": "a", "action": "crypto.uuid"}]}
_RUN = {"name": "opcode.run", "arguments": {"template_name": "t", "agent_id": "bench"}}


class Server:
    """A server process that was just started."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._count = 0
        env = {name: value for name, value in os.environ.items() if not name.startswith("OPCODE_")}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=env | environment
        )
        self.ask("initialize", _INITIALIZE)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        self._send({"jsonrpc": "2.0", "id": self._count, "method": method, "params": params})
        while True:
            assert self.process.stdout is not None
            message = json.loads(self.process.stdout.readline())
            if message.get("id") == self._count:
                return dict(message["result"])

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer of a tool."""
        result = self.ask("tools/call", {"name": f"opcode.{tool}", "arguments": arguments})
        if result.get("isError"):
            raise AssertionError(result)
        return dict(result["structuredContent"])

    def ask_all(self, method: str, params: dict[str, Any], count: int) -> list[dict[str, Any]]:
        """Ask the same thing so many times at once."""
        assert self.process.stdout is not None
        for _ in range(count):
            self._count += 1
            self._send({"jsonrpc": "2.0", "id": self._count, "method": method, "params": params})
        return [json.loads(self.process.stdout.readline())["result"] for _ in range(count)]

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def memory(self) -> float:
        """What it holds in memory, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def measure_wire(scale: float) -> list[Figure]:
    """Measure calls, start-up and memory."""
    figures: list[Figure] = []
    for durability in ("normal", "full"):
        figures += _calls(durability, round(300 * scale) + 20)
    figures += _starts(max(3, round(7 * scale)))
    figures += _memory()
    return figures


def opcode_server(folder: str, **environment: str) -> Server:
    """A server on a database in this folder."""
    env = {
        "OPCODE_DB_PATH": str(Path(folder) / "opcode.db"),
        "OPCODE_LOG_LEVEL": "error",
        **environment,
    }
    return Server([sys.executable, "-m", "opcode_core"], env)


def _define(server: Server) -> None:
    server.ask(
        "tools/call",
        {
            "name": "opcode.define",
            "arguments": {"name": "t", "agent_id": "bench", "definition": _STEP},
        },
    )


def _calls(durability: str, count: int) -> list[Figure]:
    """Calls of a one-step workflow and of the floor's empty tool, in turn."""
    ours: list[float] = []
    floor: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        server = opcode_server(folder, OPCODE_DURABILITY=durability)
        empty = Server([sys.executable, str(Path(__file__).with_name("floor_server.py"))], {})
        _define(server)
        for _ in range(count):
            ours.append(_timed(lambda: server.ask("tools/call", _RUN)))
            floor.append(
                _timed(lambda: empty.ask("tools/call", {"name": "empty", "arguments": {}}))
            )
        server.end()
        empty.end()
    over = (statistics.median(ours) - statistics.median(floor)) * 1000
    return [
        figure(f"a call of a 1-step workflow, {durability}", ours),
        figure("a call of an empty tool, the SDK's own server", floor),
        single(f"over the SDK's floor, {durability}", over, "ms", 0.5),
    ]


def _timed(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _starts(count: int) -> list[Figure]:
    answers, versions = [], []
    for _ in range(count):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            server = opcode_server(folder)
            server.ask("tools/call", {"name": "opcode.query", "arguments": {"resource": "jobs"}})
            answers.append(time.perf_counter() - began)
            server.end()
        versions.append(_timed(_say_version))
    return [
        figure("cold start to the first answer", answers),
        figure("opcode version, whole process", versions),
    ]


def _say_version() -> None:
    subprocess.run(
        [sys.executable, "-m", "opcode_core", "version"], check=True, stdout=subprocess.DEVNULL
    )


def _memory() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        server = opcode_server(folder, OPCODE_DURABILITY="normal")
        _define(server)
        rest = server.memory()
        for _ in range(1000):
            server.ask("tools/call", _RUN)
        after = server.memory()
        server.end()
    return [
        single("memory at rest", rest, "MiB"),
        single("memory with 1000 finished workflows", after, "MiB"),
    ]
