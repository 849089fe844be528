"""The server of the soak: takes calls from standard input, a JSON line each, and answers them as they come to an end.

python -m crash.soak_server FOLDER
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from crash.actions import traced_actions
from opcode_core.errors import OpcodeError
from opcode_core.model.requests import DefineRequest, RunRequest, SignalRequest, StatusRequest
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution
from opcode_core.service import Service
from opcode_core.settings import Settings

REQUESTS = {
    "define": DefineRequest,
    "run": RunRequest,
    "signal": SignalRequest,
    "status": StatusRequest,
}


async def serve(folder: Path) -> None:
    """Answer calls until there are no more."""
    registry = load_plugins(Settings())
    registry.take(Contribution("c", traced_actions(folder / "trace")))
    settings = Settings(db_path=folder / "x.db", durability="full", breaker_failures=0)
    reader = asyncio.StreamReader(limit=1 << 22)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    async with open_service(settings, registry=registry) as service, asyncio.TaskGroup() as calls:
        _say({"ready": True})
        while line := await reader.readline():
            calls.create_task(_answer(service, json.loads(line)))


async def _answer(service: Service, call: dict[str, Any]) -> None:
    verb = call["verb"]
    try:
        told = {"answer": await getattr(service, verb)(REQUESTS[verb](**call["arguments"]))}
    except OpcodeError as error:
        told = {"error": error.to_json()}
    _say({"id": call["id"], **told})


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
