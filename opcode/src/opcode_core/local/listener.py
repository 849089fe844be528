"""The engine's socket: who may come in, what they come for, and how all are sent on when the engine ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from opcode_core.errors import OpcodeError
from opcode_core.jsonio import parse_json
from opcode_core.local import binding
from opcode_core.logs import logger
from opcode_core.mcp.lines import MAX_LINE
from opcode_core.relay.connection import PROTOCOL, peer_user

_GREETING_SECONDS = 10.0
_MOST_NAME = 64
_NUMBER = 64  # what a relay puts before a line


@dataclass(frozen=True, slots=True)
class Visitor:
    """A process that was let in.

    Attributes:
        role: `relay` or `command`.
        instance: What tells this conversation from all others, also from those with earlier engines.
        folder: Its working directory; None when it has none.
        reader: What it sends.
        writer: What it is sent.
        leaving: Set when the engine ends.
    """

    role: str
    instance: str
    folder: str | None
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    leaving: asyncio.Event


Receive = Callable[[Visitor], Awaitable[None]]
"""Serves one visitor until it hangs up."""


class Listener:
    """The socket of an engine; made by `listening`.

    Args:
        database: The database file, from the root.
        path: Where it listens.
        hosts: Serves visitors, by their role.
    """

    def __init__(self, database: str, path: str, hosts: dict[str, Receive]) -> None:
        self.path = path
        self._database = database
        self._hosts = hosts
        self._visits: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._leaving = asyncio.Event()

    async def let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        task = asyncio.current_task()
        if task is None or self._closed:
            writer.transport.abort()
            return
        self._visits.add(task)
        try:
            visitor = await _greeted(reader, writer, self._leaving)
            if visitor is not None:
                await self._hosts[visitor.role](visitor)
        except (ConnectionError, asyncio.CancelledError):
            logger.debug("a connection ended")
        except Exception:  # noqa: BLE001 - one connection is one client's, and nobody else's trouble
            logger.exception("a connection failed")
        finally:
            self._visits.discard(task)
            if self._closed:
                writer.transport.abort()
            else:
                writer.close()

    def leave(self) -> None:
        """Begin nothing any more for those who are there, though they are still answered what can be."""
        self._leaving.set()

    async def send_on(self) -> None:
        """Let nobody in any more and cut off who is there: the relays take their calls to the next engine."""
        self._closed = True
        await asyncio.to_thread(binding.remove, self._database, self.path)
        visits = [task for task in self._visits if task is not asyncio.current_task()]
        for task in visits:
            task.cancel()
        if visits:
            await asyncio.wait(visits, timeout=2)


@asynccontextmanager
async def listening(database: str, hosts: dict[str, Receive]) -> AsyncIterator[Listener]:
    """Listen on the socket of a database.

    Args:
        database: The database file, from the root.
        hosts: Serves visitors, by their role.

    Raises:
        StoreError: There is no place for a socket.
    """
    bound, path = await asyncio.to_thread(binding.bind, database)
    listener = Listener(database, path, hosts)
    server = await asyncio.start_unix_server(listener.let_in, sock=bound, limit=MAX_LINE + _NUMBER)
    try:
        yield listener
    finally:
        server.close()
        await listener.send_on()


async def _greeted(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, leaving: asyncio.Event
) -> Visitor | None:
    """The visitor, if it is one of ours and said who it is in time."""
    user = peer_user(writer.get_extra_info("socket"))
    if user is not None and user != os.geteuid():
        logger.warning("a process of another user was turned away", extra={"data": {"uid": user}})
        return None
    try:
        async with asyncio.timeout(_GREETING_SECONDS):
            told = parse_json(await reader.readuntil(b"\n"))
    except (OpcodeError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        told = None
    if not isinstance(told, dict) or told.get("opcode") not in ("relay", "command"):
        logger.warning("a connection did not begin with a greeting and was closed")
        return None
    writer.write(b'{"opcode":"engine","protocol":%d,"pid":%d}\n' % (PROTOCOL, os.getpid()))
    if told.get("protocol") != PROTOCOL:
        logger.warning(
            "a process of another version of opcode was turned away: end one of the two",
            extra={"data": {"protocol": str(told.get("protocol"))[:_MOST_NAME]}},
        )
        return None
    return Visitor(
        role=str(told["opcode"]),
        instance=str(told.get("instance"))[:_MOST_NAME],
        folder=_folder(told.get("cwd")),
        reader=reader,
        writer=writer,
        leaving=leaving,
    )


def _folder(told: Any) -> str | None:
    usable = isinstance(told, str) and os.path.isabs(told) and "\0" not in told  # noqa: PTH117 - a text, not looked up
    return told if usable else None
