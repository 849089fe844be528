"""Clients: of a server over stdio, as small as one can be, and of the engine of a database, whoever is that."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from opcode_core.errors import StoreError
from opcode_core.jsonio import read_json
from opcode_core.relay.connection import PROTOCOL, UnfitEngineError, connect, greeting
from opcode_core.relay.lock import lock_path, take_lock
from opcode_core.settings import Settings

_SECONDS = 15.0
_MOST_SECONDS = 120.0
"""How long an engine may take for one answer: more than any call may wait."""
_PAUSE = 0.02


class CallRefusedError(Exception):
    """A call the server refused.

    Args:
        error: The error object.
    """

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error.get("message", ""))
        self.error = error


class Client:
    """A server process and the conversation with it.

    Args:
        environment: The whole environment of the process.
        folder: Its working directory.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "opcode_core"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Client:
        """Shake hands."""
        information = {"name": "opcode-demo", "version": "1"}
        self._request(
            "initialize",
            {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": information},
        )
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up and wait for the server to end."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Call one of the five tools.

        Raises:
            CallRefusedError: The server refused the call.
            ConnectionError: The server went away.
        """
        result = self._request("tools/call", {"name": f"opcode.{verb}", "arguments": arguments})
        body = dict(result["structuredContent"])
        if result.get("isError"):
            raise CallRefusedError(body)
        return body

    def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        self._send({"jsonrpc": "2.0", "id": self._count, "method": method, "params": params})
        while True:
            if self._process.stdout is None or not (line := self._process.stdout.readline()):
                raise ConnectionError("the server went away")
            message = read_json(line)
            if message.get("id") == self._count:
                return dict(message["result"])

    def _send(self, message: dict[str, Any]) -> None:
        if self._process.stdin is None:
            raise ConnectionError("the server went away")
        self._process.stdin.write(json.dumps(message).encode("utf-8") + b"\n")
        self._process.stdin.flush()


class EngineClient:
    """A conversation with the engine of a database, when another process is that.

    Args:
        connection: A connection to its socket, from `relay.connection.connect`.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._count = 0
        connection.settimeout(_MOST_SECONDS)
        connection.sendall(greeting("command", os.urandom(8).hex()))
        welcome = read_json(self._line())
        if welcome.get("protocol") != PROTOCOL:
            raise StoreError(
                f"the engine of this database (process {welcome.get('pid')}) is of another version of opcode: end it",
                {"reason": "busy"},
            )

    def __enter__(self) -> EngineClient:
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._lines.close()
        self._connection.close()

    def call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Let the engine do something.

        Args:
            verb: A tool's verb (`run`, `query`, …), or one of `local.commands.COMMANDS`.
            arguments: Its arguments.

        Raises:
            CallRefusedError: The engine refused.
            ConnectionError: It went away.
        """
        self._count += 1
        asked = {"id": self._count, "verb": verb, "arguments": arguments}
        self._connection.sendall(json.dumps(asked).encode("ascii") + b"\n")
        while True:
            told = read_json(self._line())
            if told.get("id") == self._count:
                return _answer_in(told)

    def _line(self) -> bytes:
        try:
            line = self._lines.readline()
        except TimeoutError:
            raise ConnectionError("the engine does not answer") from None
        if not line:
            raise ConnectionError("the engine went away")
        return line


def perform(settings: Settings, verb: str, **arguments: Any) -> dict[str, Any]:
    """Do something with a database: the process that is its engine does it, or this one when there is none.

    Args:
        settings: The settings.
        verb: A tool's verb (`run`, `query`, …), or one of `local.commands.COMMANDS`.
        arguments: Its arguments.

    Raises:
        CallRefusedError: It was refused.
        StoreError: The database cannot be used, or whoever holds it does not answer.
        ConnectionError: The engine went away.
    """
    database = str(settings.db_path)
    end = time.monotonic() + _SECONDS
    while True:
        try:
            lock = take_lock(lock_path(database))
        except OSError as error:
            raise StoreError(f"{database}: {error.strerror}", {"reason": "io"}) from None
        if lock is not None:
            return asyncio.run(_perform_here(settings, lock, verb, arguments))
        try:
            connection = connect(database)
        except UnfitEngineError as error:
            raise StoreError(str(error), {"reason": "busy"}) from None
        if connection is not None:
            with EngineClient(connection) as engine:
                return engine.call(verb, **arguments)
        if time.monotonic() > end:
            raise StoreError(
                f"another process holds {lock_path(database)} and does not answer: end it",
                {"reason": "busy"},
            )
        time.sleep(_PAUSE)


async def _perform_here(
    settings: Settings, lock: int, verb: str, arguments: dict[str, Any]
) -> dict[str, Any]:
    from opcode_core.local.commands import perform as perform_on
    from opcode_core.opening import open_service

    async with open_service(settings, lock=lock, resting=True) as service:
        return _answer_in(await perform_on(service, verb, arguments, str(Path.cwd())))


def _answer_in(told: dict[str, Any]) -> dict[str, Any]:
    if "error" in told:
        raise CallRefusedError(told["error"])
    return dict(told["answer"])
