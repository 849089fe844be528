"""`opcode`: the MCP server, or a command."""

from __future__ import annotations

import asyncio
import sys


def main() -> None:
    """Run."""
    from opcode_core.logs import configure
    from opcode_core.settings import load_settings

    settings = load_settings()
    configure(settings.log_level)

    async def serve() -> None:
        from opcode_core.mcp.server import build_server
        from opcode_core.mcp.stdio import serve_stdio
        from opcode_core.mcp.tools import ToolCalls
        from opcode_core.service import open_service

        async with open_service(settings) as service:
            await serve_stdio(
                build_server(ToolCalls(service), "0.1.0", settings.tool_names), service.drain
            )

    asyncio.run(serve())
    sys.exit(0)


if __name__ == "__main__":
    main()
