"""The wire: JSON-RPC lines over standard input and output, taken for ourselves, read and written by the event loop.

Everybody else in the process finds /dev/null as standard input and standard error as standard output, so that nothing
printed by an action or a child ever gets between the lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.message import ServerMessageMetadata, SessionMessage

from opcode_core.logs import logger
from opcode_core.mcp.messages import read_message

MAX_LINE = 16 << 20
"""How long a line may be, in bytes."""
_CHUNK = 1 << 16
_PENDING_ANSWERS = 64
_FINAL_SECONDS = 10.0
_FIRST_SECONDS = 2.0

Incoming = SessionMessage | Exception


async def serve_stdio(server: Server[Any], stop: Callable[[float], Awaitable[None]]) -> None:
    """Serve until the end of input, SIGTERM or SIGINT; then stop in order. A second signal ends the process at once.

    Calls that were read before the end are answered, if what they wait for ends within the grace that `stop` gives.

    Args:
        server: The MCP server.
        stop: Called once when no more calls are taken, with the seconds that running steps may still have; returns when
            nothing runs any more.
    """
    reader_fd, writer_fd = _take_wire()
    ending = asyncio.Event()
    _on_signals(ending)
    to_server, from_client = anyio.create_memory_object_stream[Incoming](0)
    to_client, from_server = anyio.create_memory_object_stream[SessionMessage](_PENDING_ANSWERS)
    open_calls = _OpenCalls()
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(_write_all(writer_fd, from_server, open_calls, ending))
        serving = tasks.create_task(
            server.run(from_client, to_client, server.create_initialization_options())
        )
        reading = tasks.create_task(_read_all(reader_fd, to_server, open_calls, ending))
        await ending.wait()
        input_ended = reading.done()
        reading.cancel()
        await asyncio.wait((reading,))
        if (
            input_ended
        ):  # what was read to the end may still begin: `printf … | opcode` is a conversation too
            await open_calls.all_answered(_FIRST_SECONDS)
        stopping = tasks.create_task(_stop(stop, _FINAL_SECONDS - _FIRST_SECONDS * input_ended))
        await asyncio.wait((stopping,), timeout=_FINAL_SECONDS + 1)
        await open_calls.all_answered(1.0)
        await to_server.aclose()
        await asyncio.wait((serving,), timeout=2)
        for task in (serving, stopping):
            task.cancel()
        await to_client.aclose()
        await asyncio.wait((writing,), timeout=2)
        writing.cancel()


async def _stop(stop: Callable[[float], Awaitable[None]], grace: float) -> None:
    await stop(grace)


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

        refusal = metadata.request_context if metadata is not None else None
        return ServerMessageMetadata(request_context=refusal, on_request_unanswered=unanswered)

    def answered(self, request_id: Any) -> None:
        self._open.discard(request_id)
        if not self._open:
            self._none.set()

    async def all_answered(self, seconds: float) -> None:
        """Wait until all are answered, for so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none.wait()


def _take_wire() -> tuple[int, int]:
    """Take descriptors 0 and 1 for ourselves; give others /dev/null and standard error."""
    reader = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    writer = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return reader, writer


def _on_signals(ending: asyncio.Event) -> None:
    def on_signal(number: int) -> None:
        if ending.is_set():
            os._exit(128 + number)
        ending.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)


async def _read_all(
    descriptor: int,
    to_server: MemoryObjectSendStream[Incoming],
    open_calls: _OpenCalls,
    ending: asyncio.Event,
) -> None:
    try:
        async for line in _lines(descriptor):
            message = read_message(line)
            if message is None:
                continue
            if isinstance(message.message, types.JSONRPCRequest):
                message.metadata = open_calls.read(message.message.id, message.metadata)
            await to_server.send(message)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        logger.debug("the server ended before its input")
    finally:
        ending.set()


async def _lines(descriptor: int) -> AsyncIterator[bytes]:
    """The lines of standard input; one that is too long is passed over."""
    if not _can_be_polled(descriptor):
        with os.fdopen(descriptor, "rb") as file:
            while line := await asyncio.to_thread(file.readline, MAX_LINE):
                yield line
        return
    reader = asyncio.StreamReader(limit=MAX_LINE)
    protocol = asyncio.StreamReaderProtocol(reader)
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    try:
        while True:
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as rest:
                if rest.partial:
                    yield rest.partial
                return
            except asyncio.LimitOverrunError as overrun:
                await reader.readexactly(overrun.consumed)
                await _skip_line(reader)
                logger.warning(
                    "a line was too long and was passed over", extra={"data": {"limit": MAX_LINE}}
                )
                continue
            yield line
    finally:
        transport.close()


async def _skip_line(reader: asyncio.StreamReader) -> None:
    while True:
        try:
            await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as overrun:
            await reader.readexactly(overrun.consumed)
        except asyncio.IncompleteReadError:
            return
        else:
            return


def _can_be_polled(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


async def _write_all(
    descriptor: int,
    from_server: MemoryObjectReceiveStream[SessionMessage],
    open_calls: _OpenCalls,
    ending: asyncio.Event,
) -> None:
    """Write answers, one line each; a client that does not read holds up only this task."""
    writer = await _open_writer(descriptor)
    try:
        async for message in from_server:
            line = (
                message.message.model_dump_json(by_alias=True, exclude_unset=True).encode("utf-8")
                + b"\n"
            )
            await writer(line)
            if isinstance(message.message, (types.JSONRPCResponse, types.JSONRPCError)):
                open_calls.answered(message.message.id)
    except (BrokenPipeError, ConnectionResetError):
        logger.info("the client does not listen any more")
        ending.set()
        async for _ in from_server:  # nobody may wait for a client that is gone
            pass
    finally:
        ending.set()


async def _open_writer(descriptor: int) -> Callable[[bytes], Awaitable[None]]:
    if not _can_be_polled(descriptor):
        file = os.fdopen(descriptor, "wb", buffering=0)

        async def write_file(line: bytes) -> None:
            await asyncio.to_thread(file.write, line)

        return write_file
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()),
        os.fdopen(descriptor, "wb", buffering=0),
    )
    stream = asyncio.StreamWriter(transport, protocol, None, loop)

    async def write_pipe(line: bytes) -> None:
        stream.write(line)
        await stream.drain()

    return write_pipe
