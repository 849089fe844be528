"""MCP servers as clients start them: several on one database, and what a client sees of them."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opcode_core.relay.connection import connect, greeting

SECONDS = 30.0
INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


class HungUpError(Exception):
    """The server closed its output."""


def environment(database: Path, **more: str) -> dict[str, str]:
    """The environment of a server on this database."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("OPCODE_")
    }
    return {**inherited, "OPCODE_DB_PATH": str(database), **more}


class Server:
    """One process and its client; nothing is said before `greet`."""

    def __init__(
        self, database: Path, *arguments: str, folder: Path | None = None, **more: str
    ) -> None:
        self.started = time.monotonic()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [sys.executable, "-m", "opcode_core", *arguments],
            cwd=folder or database.parent,
            env=environment(database, **more),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        self.pid = self.process.pid
        self.log = bytearray()
        self.reading = threading.Event()  # cleared, this is a client that does not read
        self.reading.set()
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._kept: dict[Any, dict[str, Any]] = {}
        self._told = threading.Condition()
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._read, self._read_log)
        ]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.reading.wait()
            self._lines.put(line)
        self._lines.put(b"")

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._told:
                self.log += line
                self._told.notify_all()

    def logged(self, text: bytes) -> None:
        """Wait until the process has said this on standard error."""
        with self._told:
            assert self._told.wait_for(lambda: text in self.log, SECONDS), bytes(self.log[-2000:])

    def greet(self) -> Server:
        """Shake hands."""
        self.request("initialize", INITIALIZE, "init")
        assert "result" in self.answer("init")
        self.raw(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
        return self

    def raw(self, data: bytes) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise HungUpError from None

    def request(self, method: str, params: Any, number: Any) -> None:
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self.raw(json.dumps(message).encode() + b"\n")

    def ask(self, verb: str, number: Any = "call", **arguments: Any) -> None:
        """Call a tool, without waiting for the answer."""
        self.request("tools/call", {"name": f"opcode.{verb}", "arguments": arguments}, number)

    def answer(self, number: Any, seconds: float = SECONDS) -> dict[str, Any]:
        """The answer to a request; those to others are kept until they are asked for."""
        if number in self._kept:
            return self._kept.pop(number)
        until = time.monotonic() + seconds
        while True:
            line = self._lines.get(timeout=max(until - time.monotonic(), 0.001))
            if not line:
                self._lines.put(b"")
                raise HungUpError
            message = json.loads(line)
            if message.get("id") == number:
                return dict(message)
            assert message.get("id") not in self._kept, "answered twice"
            self._kept[message.get("id")] = message

    def result(self, number: Any = "call") -> dict[str, Any]:
        """The answer of a tool that did not refuse."""
        result = self.answer(number)["result"]
        assert not result.get("isError"), result
        return dict(result["structuredContent"])

    def call(self, verb: str, number: Any = "call", **arguments: Any) -> dict[str, Any]:
        self.ask(verb, number, **arguments)
        return self.result(number)

    def define(self, *steps: dict[str, Any], name: str = "t") -> None:
        self.call("define", name=name, agent_id="me", definition={"steps": list(steps)})

    def memory(self) -> int:
        """Its resident memory, in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(
            next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def hang_up(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(SECONDS)

    def close(self) -> None:
        self.reading.set()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(SECONDS)
        for thread in self._threads:
            thread.join(SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Room:
    """A database and the servers on it, ended one by one at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "opcode.db"
        self.servers: list[Server] = []

    def server(self, *arguments: str, folder: Path | None = None, **more: str) -> Server:
        """Start one."""
        server = Server(self.database, *arguments, folder=folder, **more)
        self.servers.append(server)
        return server

    def greeted(self, folder: Path | None = None, **more: str) -> Server:
        """Start one and shake hands."""
        return self.server(folder=folder, **more).greet()

    def alone(self) -> Server:
        """Start `opcode serve`; give it once it listens."""
        server = self.server("serve")
        server.logged(b"listens on")
        return server

    def close(self) -> None:
        for server in self.servers:
            server.close()


def engine_of(database: Path, seconds: float = SECONDS) -> int:
    """The id of the process that is the engine; it is waited for."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        connection = connect(str(database))
        if connection is None:
            time.sleep(0.01)  # there is nothing else to wait for: it has no socket yet
            continue
        with connection, connection.makefile("rb") as lines:
            try:
                connection.sendall(greeting("command", "test"))
                line = lines.readline()
            except OSError:
                continue
            if line:
                return int(json.loads(line)["pid"])
    raise TimeoutError("nobody is the engine")


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for something that nobody tells us of."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.01)
