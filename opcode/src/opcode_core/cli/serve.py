"""The MCP server over stdio: what `opcode` is when a client starts it."""

from __future__ import annotations

import asyncio

from opcode_core.cli.text import BAD_USAGE, DONE, FAILED
from opcode_core.errors import StoreError
from opcode_core.logs import configure, logger
from opcode_core.settings import Settings, SettingsError, load_settings


def serve() -> int:
    """Serve until the client goes or a signal comes; give the exit code."""
    configure("info")
    try:
        settings = load_settings()
    except SettingsError as error:
        logger.error("%s", error)
        return BAD_USAGE
    configure(settings.log_level)
    try:
        asyncio.run(_serve(settings))
    except StoreError as error:
        logger.error(
            "%s", error.message, extra={"data": {"code": error.code, "details": error.details}}
        )
        return FAILED
    return DONE


async def _serve(settings: Settings) -> None:
    from opcode_core.cli.version import core_version
    from opcode_core.local.hosting import hosts
    from opcode_core.local.listener import listening
    from opcode_core.mcp.server import build_server
    from opcode_core.mcp.stdio import serve_stdio
    from opcode_core.mcp.tools import ToolCalls
    from opcode_core.opening import open_service

    async with (
        open_service(settings) as service,
        listening(str(settings.db_path), hosts(service)),
    ):
        server = build_server(ToolCalls(service), core_version(), settings.tool_names)
        await serve_stdio(server, service.drain)
