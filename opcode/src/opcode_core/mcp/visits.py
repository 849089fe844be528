"""A relay's visit: its client's conversation, over the engine's socket."""

from __future__ import annotations

import asyncio
from typing import Any

from mcp.server.lowlevel import Server

from opcode_core.logs import logger
from opcode_core.mcp.lines import lines_of
from opcode_core.mcp.messages import read_numbered
from opcode_core.mcp.session import Lines, Session


async def serve_relay(
    server: Server[Any], instance: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve a relay until it hangs up.

    Args:
        server: The MCP server, for this client alone.
        instance: The conversation, the same with every engine.
        reader: What the relay sends; its limit is `lines.MAX_LINE`.
        writer: What it is sent.
    """

    async def write(line: bytes) -> None:
        writer.write(line)
        await writer.drain()

    ended = asyncio.Event()
    session = Session(server, _lines(reader, instance), write, ended)
    async with asyncio.TaskGroup() as tasks:
        session.begin(tasks)
        await ended.wait()
        await session.end(0)


async def _lines(reader: asyncio.StreamReader, instance: str) -> Lines:
    async for line in lines_of(reader):
        if not line.endswith(b"\n"):
            return  # cut off: a relay that lives sends it again
        try:
            yield read_numbered(line, instance)
        except ValueError:
            logger.warning(
                "a relay sent something else than a numbered line, and it was passed over",
                extra={"data": {"bytes": len(line)}},
            )
