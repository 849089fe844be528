"""What a command of the same user asks of a running engine: the five verbs, and some that are no tools.

A line each way: `{"id", "verb", "arguments"}` is answered by `{"id", "answer"}` or `{"id", "error"}`. A verb that is no
tool is a function in `COMMANDS`, which the command calls itself when no engine runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from opcode_core.errors import OpcodeError, ValidationError
from opcode_core.jsonio import parse_json, write_json
from opcode_core.local.upkeep_commands import UPKEEP
from opcode_core.logs import logger
from opcode_core.mcp.tools import ToolCalls
from opcode_core.service import Service

Command = Callable[[Service, dict[str, Any]], Awaitable[dict[str, Any]]]
TOOL_VERBS = ("define", "run", "status", "signal", "query")
_AT_ONCE = 32


async def _result(service: Service, arguments: dict[str, Any]) -> dict[str, Any]:
    """A workflow with nothing cut."""
    return await service.result(str(arguments.get("workflow_id")))


COMMANDS: dict[str, Command] = {"result": _result, **UPKEEP}
"""The verbs that are no tools; arguments come from a process of the same user, and are checked by the function."""


async def perform(
    service: Service, verb: str, arguments: Mapping[str, Any], folder: str | None
) -> dict[str, Any]:
    """Do one thing.

    Args:
        service: The service.
        verb: A tool's verb, or one of `COMMANDS`.
        arguments: Its arguments.
        folder: Where relative paths of a run begin; None for the engine's own working directory.

    Returns:
        `{"answer": …}` or `{"error": {code, message, details?}}`.
    """
    if verb in TOOL_VERBS:
        answer, refused = await ToolCalls(service, folder).call(f"opcode.{verb}", dict(arguments))
        return {"error" if refused else "answer": answer}
    command = COMMANDS.get(verb)
    if command is None:
        return {"error": ValidationError(f"this engine knows no verb {verb[:100]!r}").to_json()}
    try:
        return {"answer": await command(service, dict(arguments))}
    except OpcodeError as error:
        return {"error": error.to_json()}
    except Exception:  # noqa: BLE001 - whatever it is, its text is for the log only
        logger.exception("a command failed", extra={"data": {"verb": verb}})
        return {
            "error": {
                "code": "INTERNAL",
                "message": "the engine failed on this command: its log says why",
            }
        }


async def serve_commands(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    service: Service,
    folder: str | None,
) -> None:
    """Answer a command's lines until it hangs up; what it began and waits for is its no more then."""
    free = asyncio.Semaphore(_AT_ONCE)
    sending = asyncio.Lock()

    async def answer(line: bytes) -> None:
        try:
            told = await _answer(service, line, folder)
            async with sending:
                writer.write(write_json(told) + b"\n")
                await writer.drain()
        finally:
            free.release()

    tasks: set[asyncio.Task[None]] = set()
    try:
        while line := await reader.readline():
            await free.acquire()
            task = asyncio.get_running_loop().create_task(answer(line))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _answer(service: Service, line: bytes, folder: str | None) -> dict[str, Any]:
    number: Any = None
    try:
        asked = parse_json(line)
        if not isinstance(asked, dict):
            raise ValidationError("a command is an object")
        number = asked.get("id")
        arguments = asked.get("arguments", {})
        if not isinstance(arguments, dict):
            raise ValidationError("`arguments` must be an object")
    except OpcodeError as error:
        return {"id": number, "error": error.to_json()}
    return {"id": number, **await perform(service, str(asked.get("verb")), arguments, folder)}
