"""One client's conversation with the MCP server, over whatever carries its lines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.message import ServerMessageMetadata, SessionMessage

from opcode_core.logs import logger
from opcode_core.mcp.messages import Asked, read_message
from opcode_core.model.requests import Call

_PENDING_ANSWERS = 64

Incoming = SessionMessage | Exception
Lines = AsyncIterator[tuple[bytes, Call | None]]
"""The client's lines; with a call's identity if it may come again."""
Write = Callable[[bytes], Awaitable[None]]
"""Writes one line to the client; returns when there is room for another."""


class Session:
    """One client's conversation.

    Args:
        server: The MCP server.
        lines: What the client sends.
        write: Takes what is sent to it.
        ended: Set when the client sends nothing more, or does not listen any more.
        hidden: Ids of requests that are not the client's own: their answers are not for it.
    """

    def __init__(
        self,
        server: Server[Any],
        lines: Lines,
        write: Write,
        ended: asyncio.Event,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self._ended = ended
        self._server = server
        self._lines = lines
        self._write = write
        self._hidden = hidden
        self._open = _OpenCalls()
        self._to_server, self._from_client = anyio.create_memory_object_stream[Incoming](0)
        self._to_client, self._from_server = anyio.create_memory_object_stream[SessionMessage](
            _PENDING_ANSWERS
        )

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to listen and to answer, in tasks of this group."""
        self._writing = tasks.create_task(self._write_all(self._from_server))
        options = self._server.create_initialization_options()
        self._serving = tasks.create_task(
            self._server.run(self._from_client, self._to_client, options)
        )
        self._reading = tasks.create_task(self._read_all(self._to_server))

    async def stop_reading(self) -> bool:
        """Take no more calls; whether the client had ended its input itself."""
        ended = self._reading.done()
        self._reading.cancel()
        await asyncio.wait((self._reading,))
        return ended

    async def all_answered(self, seconds: float) -> None:
        """Wait until all calls that were read are answered, for so long at most."""
        await self._open.none_left(seconds)

    async def end(self, seconds: float) -> None:
        """End the conversation; what is under way for the client has so long each to be answered and written."""
        await self.stop_reading()
        await self._to_server.aclose()
        await asyncio.wait((self._serving,), timeout=seconds)
        self._serving.cancel()
        await self._to_client.aclose()
        await asyncio.wait((self._writing,), timeout=seconds)
        self._writing.cancel()

    async def _read_all(self, to_server: MemoryObjectSendStream[Incoming]) -> None:
        try:
            async for line, call in self._lines:
                message = read_message(line, call)
                if message is None:
                    continue
                if isinstance(message.message, types.JSONRPCRequest):
                    message.metadata = self._open.read(message.message.id, message.metadata)
                await to_server.send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            logger.debug("the server ended before its input")
        finally:
            self._ended.set()

    async def _write_all(self, from_server: MemoryObjectReceiveStream[SessionMessage]) -> None:
        """Write answers, one line each; a client that does not read holds up only this task."""
        try:
            async for message in from_server:
                told = message.message
                answers = isinstance(told, (types.JSONRPCResponse, types.JSONRPCError))
                number: Any = getattr(told, "id", None) if answers else None
                if number not in self._hidden:
                    line = told.model_dump_json(by_alias=True, exclude_unset=True)
                    await self._write(line.encode("utf-8") + b"\n")
                if answers:
                    self._open.answered(number)
        except (BrokenPipeError, ConnectionResetError):
            logger.info("the client does not listen any more")
            self._ended.set()
            async for _ in from_server:  # nobody may wait for a client that is gone
                pass
        finally:
            self._ended.set()


class _OpenCalls:
    """The requests that were read and not yet answered."""

    def __init__(self) -> None:
        self._open: set[Any] = set()
        self._none = asyncio.Event()
        self._none.set()

    def read(self, request_id: Any, metadata: Any) -> ServerMessageMetadata:
        """Note a request; give the metadata that tells us when it ends without an answer."""
        self._open.add(request_id)
        self._none.clear()

        async def unanswered() -> None:
            self.answered(request_id)

        asked: Asked | None = metadata.request_context if metadata is not None else None
        return ServerMessageMetadata(request_context=asked, on_request_unanswered=unanswered)

    def answered(self, request_id: Any) -> None:
        self._open.discard(request_id)
        if not self._open:
            self._none.set()

    async def none_left(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none.wait()
