"""The wire: JSON-RPC lines over standard input and output, taken for ourselves, read and written by the event loop.

Everybody else in the process finds /dev/null as standard input and standard error as standard output, so that nothing
printed by an action or a child ever gets between the lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
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
from pydantic import ValidationError as ShapeError

from opcode_core.errors import OpcodeError
from opcode_core.jsonio import MAX_DEPTH, parse_json
from opcode_core.logs import logger

MAX_LINE = 16 << 20
"""How long a line may be, in bytes."""
_ENVELOPE_DEPTH = 4
"""How deep arguments stand in a message."""
_CHUNK = 1 << 16
_PENDING_ANSWERS = 64
_FINAL_SECONDS = 10.0

Incoming = SessionMessage | Exception


async def serve_stdio(server: Server[Any], stop: Callable[[], Awaitable[None]]) -> None:
    """Serve until the end of input, SIGTERM or SIGINT; then stop in order. A second signal ends the process at once.

    Calls that were read before the end are answered, if what they wait for ends within the grace that `stop` gives.

    Args:
        server: The MCP server.
        stop: Called once when no more calls are taken; returns when nothing runs any more.
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
        reading.cancel()
        await asyncio.wait((reading,))
        stopping = tasks.create_task(_stop(stop))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINAL_SECONDS + 2):
                await stopping
                await open_calls.all_answered()
        await to_server.aclose()
        await asyncio.wait((serving,), timeout=2)
        for task in (serving, stopping):
            task.cancel()
        await to_client.aclose()
        await asyncio.wait((writing,), timeout=2)
        writing.cancel()


async def _stop(stop: Callable[[], Awaitable[None]]) -> None:
    await stop()


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

    async def all_answered(self) -> None:
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


def read_message(line: bytes) -> SessionMessage | None:
    """Read one line.

    A call whose arguments cannot be taken as they are (NaN, a key twice, half a surrogate pair, an integer beyond 64
    bits, too deep) is passed on with the refusal beside it, so that it is answered like any other refused call.

    Returns:
        The message; None for what is no JSON-RPC, which is logged and passed over.
    """
    if not line.strip():
        return None
    refusal: OpcodeError | None = None
    try:
        value = parse_json(line, max_depth=MAX_DEPTH + _ENVELOPE_DEPTH)
    except OpcodeError as error:
        refusal = error
        value = _read_loosely(line)
    try:
        message = types.jsonrpc_message_adapter.validate_python(value, by_name=False)
    except ShapeError:
        logger.warning(
            "a line was no JSON-RPC and was passed over", extra={"data": {"bytes": len(line)}}
        )
        return None
    if refusal is None:
        return SessionMessage(message)
    if not isinstance(message, types.JSONRPCRequest) or message.method != "tools/call":
        logger.warning("a message was passed over", extra={"data": {"reason": refusal.message}})
        return None
    return SessionMessage(message, ServerMessageMetadata(request_context=refusal))


def _read_loosely(line: bytes) -> Any:
    """What can be known of a message that is not strict JSON: enough to answer it, without its arguments."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return _without_arguments(line)
    if isinstance(value, dict) and isinstance(value.get("params"), dict):
        value["params"] = {"name": value["params"].get("name", ""), "arguments": {}}
    return value


def _without_arguments(line: bytes) -> Any:
    """A message too deep to be read: its id and the tool's name, if they stand before its arguments."""
    head, found, _ = line.partition(b'"arguments"')
    if not found:
        return None
    for ending in (b'"arguments":{}}}', b'"arguments":{}}}}'):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(head + ending)
    return None


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
