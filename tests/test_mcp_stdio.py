"""The server on a real wire: what may come over it, how it ends, and that nothing else ever goes over it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
SECONDS = 20.0


class Wire:
    """One server process and the lines to and from it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("OPCODE_")}
        env |= {"OPCODE_DB_PATH": str(folder / "opcode.db"), **environment}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [sys.executable, "-m", "opcode_core"],
            cwd=folder,
            env=env,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        self.lines: queue.Queue[bytes] = queue.Queue()
        self.log = bytearray()
        self.strays: list[bytes] = []
        self.threads = [
            threading.Thread(target=target, daemon=True) for target in (self._read, self._read_log)
        ]
        for thread in self.threads:
            thread.start()
        self.request("initialize", INITIALIZE, "init")
        self.answer("init")
        self.raw(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log += line

    def raw(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def request(self, method: str, params: Any, number: Any) -> None:
        self.raw(
            json.dumps(
                {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            ).encode()
            + b"\n"
        )

    def answer(self, number: Any) -> dict[str, Any]:
        while True:
            line = self.lines.get(timeout=SECONDS)
            try:
                message = json.loads(line)
            except ValueError:
                self.strays.append(line)
                continue
            if message.get("id") == number:
                return dict(message)

    def call(self, tool: str, number: Any = "call", **arguments: Any) -> dict[str, Any]:
        self.request("tools/call", {"name": f"opcode.{tool}", "arguments": arguments}, number)
        return dict(self.answer(number)["result"])

    def define(self, *steps: dict[str, Any], name: str = "t") -> None:
        result = self.call("define", name=name, agent_id="me", definition={"steps": list(steps)})
        assert not result.get("isError"), result

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(SECONDS)
        self.close()
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        for thread in self.threads:
            thread.join(SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    server = Wire(tmp_path)
    yield server
    server.close()
    assert server.strays == []


def sleep(seconds: float) -> dict[str, Any]:
    return {"id": "a", "action": "shell.exec", "params": {"command": "sleep", "args": [seconds]}}


GARBAGE = {
    "no JSON": b"hello\n",
    "an empty line": b"\n",
    "no UTF-8": b"\xff\xfe\n",
    "a hundred thousand brackets": b"[" * 100_000 + b"\n",
    "a number": b"5\n",
    "no JSON-RPC": b'{"a": 1}\n',
    "an unknown method": b'{"jsonrpc": "2.0", "id": "x", "method": "no/such"}\n',
    "a key twice": b'{"jsonrpc": "2.0", "id": 9, "method": "ping", "id": 10}\n',
    "a line of 20 MB": b'{"jsonrpc": "2.0", "id": 11, "x": "' + b"a" * 20_000_000 + b'"}\n',
}


@pytest.mark.parametrize("name", GARBAGE)
def test_the_server_goes_on_after_what_is_no_message(wire: Wire, name: str) -> None:
    wire.raw(GARBAGE[name])
    wire.request("ping", {}, "ping")
    assert wire.answer("ping")["result"] == {}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (b'{"template_name": "t", "agent_id": "me", "params": {"n": NaN}}', "VALIDATION_ERROR"),
        (
            b'{"template_name": "t", "agent_id": "me", "params": {"n": 1, "n": 2}}',
            "VALIDATION_ERROR",
        ),
        (
            b'{"template_name": "t", "agent_id": "me", "params": {"n": "\\ud800"}}',
            "VALIDATION_ERROR",
        ),
        (
            b'{"template_name": "t", "agent_id": "me", "params": {"n": 18446744073709551616}}',
            "VALIDATION_ERROR",
        ),
        (b'{"params": {"n": ' + b"[" * 5000 + b"]" * 5000 + b"}}", "LIMIT_EXCEEDED"),
    ],
)
def test_arguments_that_are_no_exact_json_are_refused_as_a_call(
    wire: Wire, arguments: bytes, code: str
) -> None:
    head = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "opcode.run", "arguments": '
    wire.raw(head + arguments + b"}}\n")
    result = wire.answer(1)["result"]
    assert result["isError"] is True
    assert json.loads(result["content"][0]["text"])["code"] == code


def test_an_answer_is_structured_and_the_same_as_compact_text(wire: Wire) -> None:
    wire.define({"id": "a", "action": "crypto.hash", "params": {"data": "${{inputs.n}}"}})
    result = wire.call("run", template_name="t", agent_id="me", params={"n": 9007199254740993})
    text = result["content"][0]["text"]
    assert json.loads(text) == result["structuredContent"]
    assert text == json.dumps(
        result["structuredContent"], separators=(",", ":"), ensure_ascii=False
    )


def test_an_unknown_tool_is_refused_with_the_nearest_name(wire: Wire) -> None:
    result = wire.call("defin")
    error = json.loads(result["content"][0]["text"])
    assert error["code"] == "NOT_FOUND"
    assert "opcode.define" in error["message"]


@pytest.mark.parametrize("style", ["dotted", "underscore"])
def test_tools_are_listed_as_told_and_answer_to_both_names(tmp_path: Path, style: str) -> None:
    server = Wire(tmp_path, OPCODE_TOOL_NAMES=style)
    server.request("tools/list", {}, "list")
    listed = {tool["name"] for tool in server.answer("list")["result"]["tools"]}
    mark = "." if style == "dotted" else "_"
    assert listed == {
        f"opcode{mark}{verb}" for verb in ("define", "run", "status", "signal", "query")
    }
    for name in ("opcode.query", "opcode_query"):
        server.request("tools/call", {"name": name, "arguments": {"resource": "jobs"}}, name)
        assert server.answer(name)["result"]["structuredContent"] == {"jobs": []}
    assert server.end() == 0


@pytest.mark.parametrize("how", ["eof", signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order(wire: Wire, how: Any) -> None:
    if how == "eof":
        assert wire.end() == 0
    else:
        wire.process.send_signal(how)
        assert wire.process.wait(SECONDS) == 0


def test_a_call_under_way_at_the_end_of_input_is_answered(wire: Wire) -> None:
    wire.define(sleep(0.5))
    wire.request(
        "tools/call",
        {"name": "opcode.run", "arguments": {"template_name": "t", "agent_id": "me"}},
        "run",
    )
    wire.request("ping", {}, "ping")
    wire.answer("ping")
    assert wire.process.stdin is not None
    wire.process.stdin.close()
    assert wire.answer("run")["result"]["structuredContent"]["status"] == "completed"
    assert wire.process.wait(SECONDS) == 0


def test_a_second_signal_ends_it_at_once(wire: Wire) -> None:
    wire.define(sleep(30))
    wire.call("run", template_name="t", agent_id="me", wait_ms=0)
    wire.process.send_signal(signal.SIGTERM)
    while wire.process.poll() is None:
        wire.process.send_signal(signal.SIGTERM)
        try:
            wire.process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    assert wire.process.returncode in (128 + signal.SIGTERM, -signal.SIGTERM)


def test_a_cancelled_request_leaves_the_workflow_running(wire: Wire) -> None:
    wire.define(sleep(1))
    wire.request(
        "tools/call",
        {"name": "opcode.run", "arguments": {"template_name": "t", "agent_id": "me"}},
        "run",
    )
    workflows: list[dict[str, Any]] = []
    while not workflows:
        workflows = wire.call("query", resource="workflows")["structuredContent"]["workflows"]
    wire.raw(
        b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "run"}}\n'
    )
    status = wire.call("status", workflow_id=workflows[0]["workflow_id"], wait_ms=10_000)
    assert status["structuredContent"]["status"] == "completed"
    assert wire.end() == 0


def test_what_children_print_stays_off_the_wire(wire: Wire) -> None:
    loud = 'echo \'{"jsonrpc": "2.0", "id": 1}\'; echo noise >&2; cat'
    wire.define({"id": "a", "action": "shell.exec", "params": {"command": loud, "shell": True}})
    result = wire.call("run", template_name="t", agent_id="me")
    assert result["structuredContent"]["steps"]["a"]["output"]["exit_code"] == 0
    assert wire.end() == 0


def test_the_log_is_json_lines_with_the_ids(wire: Wire) -> None:
    wire.define(
        {
            "id": "say",
            "action": "workflow.log",
            "params": {"message": "one\ntwo \x1b[31m", "data": {"k": 1}},
        }
    )
    run = wire.call("run", template_name="t", agent_id="me")["structuredContent"]
    assert wire.end() == 0
    entries = [json.loads(line) for line in bytes(wire.log).splitlines()]
    entry = next(entry for entry in entries if entry["message"].startswith("one"))
    assert entry["message"] == "one\ntwo \x1b[31m"
    assert b"\x1b" not in wire.log
    assert entry["workflow_id"] == run["workflow_id"]
    assert (entry["step_id"], entry["agent_id"], entry["data"]) == ("say", "me", {"k": 1})


def test_a_second_server_on_the_same_database_hands_on_what_its_client_asks(
    wire: Wire, tmp_path: Path
) -> None:
    wire.define({"id": "a", "action": "workflow.log", "params": {"message": "x"}})
    run = wire.call("run", template_name="t", agent_id="me")["structuredContent"]
    second = Wire(tmp_path)
    seen = second.call("query", resource="workflows")["structuredContent"]["workflows"]
    assert [workflow["workflow_id"] for workflow in seen] == [run["workflow_id"]]
    assert second.end() == 0
    assert wire.call("query", resource="jobs")["structuredContent"] == {"jobs": []}


def test_standard_input_may_be_the_null_device(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "opcode_core"],
        env={**os.environ, "OPCODE_DB_PATH": str(tmp_path / "opcode.db")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"")
