"""Who serves which visitor of the engine's socket."""

from __future__ import annotations

import asyncio
import importlib

from opcode_core.local.commands import serve_commands
from opcode_core.local.listener import Receive, Visitor
from opcode_core.mcp.tools import ToolCalls
from opcode_core.service import Service
from opcode_core.settings import Settings


def hosts(service: Service, settings: Settings, version: str) -> dict[str, Receive]:
    """Those who serve visitors, by the visitors' roles.

    Args:
        service: The service, which all share.
        settings: The settings.
        version: What the server says its version is.
    """

    async def command(visitor: Visitor) -> None:
        await serve_commands(visitor.reader, visitor.writer, service, visitor.folder)

    async def relay(visitor: Visitor) -> None:
        # the SDK, which a command that happens to be the engine may not need at all
        await asyncio.to_thread(importlib.import_module, "opcode_core.mcp.visits")
        from opcode_core.mcp.leaving import RelayedCalls
        from opcode_core.mcp.server import build_server
        from opcode_core.mcp.visits import serve_relay

        calls = RelayedCalls(ToolCalls(service, visitor.folder), visitor.leaving)
        server = build_server(calls, version, settings.tool_names)
        await serve_relay(server, visitor.instance, visitor.reader, visitor.writer)

    return {"command": command, "relay": relay}
