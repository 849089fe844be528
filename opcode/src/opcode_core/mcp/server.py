"""The MCP server: the SDK's low-level one, with our own names, schemas and answers."""

from __future__ import annotations

from typing import Any, Literal

from mcp import types
from mcp.server.lowlevel import Server

from opcode_core.jsonio import write_json
from opcode_core.mcp.leaving import RelayedCalls
from opcode_core.mcp.messages import Asked
from opcode_core.mcp.schemas import TOOLS
from opcode_core.mcp.tools import ToolCalls

NameStyle = Literal["auto", "dotted", "underscore"]

INSTRUCTIONS = (
    "OPCODE runs workflows that you define once. opcode.define checks and stores a definition (dry_run only checks); "
    "opcode.run starts it, as often as you like, without any further reasoning; opcode.status says where it stands; "
    "opcode.signal answers, cancels or mends it; opcode.query lists workflows, events, templates and the actions there "
    "are, with their parameters."
)

_PLAIN = Asked(None, None)
_NO_DOTS = ("claude-ai", "claude desktop", "copilot", "codex", "openai", "intellij", "jetbrains")
"""Parts of the names of clients that are known to refuse tool names with a dot."""


def build_server(calls: ToolCalls | RelayedCalls, version: str, names: NameStyle) -> Server[Any]:
    """Build the server.

    Args:
        calls: Answers tool calls.
        version: What it says its version is.
        names: How tools are listed; both names of each are accepted in any case.
    """

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:  # noqa: ARG001 - the SDK's signature
        underscored = names == "underscore" or (names == "auto" and _refuses_dots(context))
        return types.ListToolsResult(tools=_UNDERSCORED if underscored else _DOTTED)

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        asked = context.request if isinstance(context.request, Asked) else _PLAIN
        given = params.arguments if asked.refusal is None else asked.refusal
        body, refused = await calls.call(params.name, given, asked.call)
        text = types.TextContent(type="text", text=write_json(body).decode("utf-8"))
        return types.CallToolResult(content=[text], structured_content=body, is_error=refused)

    server: Server[Any] = Server(
        "opcode",
        version=version,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    server.middleware.clear()  # tracing, which nobody reads here, on every call
    return server


def _listed(*, underscored: bool) -> list[types.Tool]:
    return [
        types.Tool(
            name=tool.name.replace(".", "_") if underscored else tool.name,
            description=tool.description,
            input_schema=tool.arguments,
            annotations=types.ToolAnnotations(read_only_hint=tool.read_only),
        )
        for tool in TOOLS
    ]


_DOTTED = _listed(underscored=False)
_UNDERSCORED = _listed(underscored=True)


def _refuses_dots(context: Any) -> bool:
    client = getattr(context.session, "client_params", None)
    info = getattr(client, "client_info", None)
    name = str(getattr(info, "name", "")).lower()
    return any(part in name for part in _NO_DOTS)
