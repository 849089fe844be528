"""The floor of the wire: the SDK's own server with an empty tool."""

from __future__ import annotations

from typing import Any

import anyio
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server


async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
    tool = types.Tool(name="empty", description="Nothing.", input_schema={"type": "object"})
    return types.ListToolsResult(tools=[tool])


async def call_tool(context: Any, params: Any) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text="{}")], structured_content={}
    )


async def main() -> None:
    server: Server[Any] = Server(
        "floor", version="1", on_list_tools=list_tools, on_call_tool=call_tool
    )
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
