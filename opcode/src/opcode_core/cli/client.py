"""A client of the server over stdio, as small as one can be: JSON-RPC lines to a process and back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from opcode_core.jsonio import read_json

_SECONDS = 15.0


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
