"""Who serves which visitor of the engine's socket."""

from __future__ import annotations

from opcode_core.local.commands import serve_commands
from opcode_core.local.listener import Receive, Visitor
from opcode_core.service import Service


def hosts(service: Service) -> dict[str, Receive]:
    """Those who serve visitors, by the visitors' roles.

    Args:
        service: The service, which all share.
    """

    async def commands(visitor: Visitor) -> None:
        await serve_commands(visitor.reader, visitor.writer, service, visitor.folder)

    return {"command": commands}
