"""The wire: JSON-RPC lines over standard input and output, taken for ourselves, read and written by the event loop.

Everybody else in the process finds /dev/null as standard input and standard error as standard output, so that nothing
printed by an action or a child ever gets between the lines.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from mcp.server.lowlevel import Server

from opcode_core.mcp.lines import MAX_LINE, lines_of, skip_line
from opcode_core.mcp.messages import read_numbered
from opcode_core.mcp.session import Lines, Session, Write
from opcode_core.relay.handover import Handover

_FINAL_SECONDS = 10.0
_FIRST_SECONDS = 2.0

Stop = Callable[[float], Awaitable[None]]
_NOTHING = Handover()


async def serve_stdio(
    server: Server[Any], stop: Stop, ending: asyncio.Event, taken: Handover = _NOTHING
) -> None:
    """Serve until the end of input, or until it is to end; then stop in order.

    Calls that were read before the end are answered, if what they wait for ends within the grace that `stop` gives.

    Args:
        server: The MCP server.
        stop: Called once when no more calls are taken, with the seconds that running steps may still have; returns when
            nothing runs any more.
        ending: Set when it is to end, by a signal say; set here at the end of input.
        taken: What this process has of its client from when it was a relay.
    """
    reader_fd, writer_fd = _take_wire()
    write = await _open_writer(writer_fd)
    hidden = frozenset(taken.hidden)
    session = Session(server, _lines(reader_fd, taken), write, ending, hidden)
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(_write_first(write, taken.output, ending))
        await asyncio.wait((writing,), timeout=_FIRST_SECONDS)
        session.begin(tasks)
        await ending.wait()
        input_ended = await session.stop_reading()
        if (
            input_ended
        ):  # what was read to the end may still begin: `printf … | opcode` is a conversation too
            await session.all_answered(_FIRST_SECONDS)
        stopping = tasks.create_task(_stop(stop, _FINAL_SECONDS - _FIRST_SECONDS * input_ended))
        await asyncio.wait((stopping,), timeout=_FINAL_SECONDS + 1)
        await session.all_answered(1.0)
        await session.end(2.0)
        for task in (stopping, writing):
            task.cancel()


async def _stop(stop: Stop, grace: float) -> None:
    await stop(grace)


def _take_wire() -> tuple[int, int]:
    """Take descriptors 0 and 1 for ourselves; give others /dev/null and standard error."""
    reader = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    writer = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return reader, writer


async def _lines(descriptor: int, taken: Handover) -> Lines:
    """The lines of standard input, after those that were read before."""
    for line in taken.lines:
        yield read_numbered(line, taken.instance)
    lines = _lines_of_pipe if _can_be_polled(descriptor) else _lines_of_file
    async for line in lines(descriptor, taken):
        yield line, None


async def _lines_of_file(descriptor: int, taken: Handover) -> AsyncIterator[bytes]:
    begun = taken.rest
    with os.fdopen(descriptor, "rb") as file:
        while line := begun + await asyncio.to_thread(file.readline, MAX_LINE):
            begun = b""
            yield line


async def _lines_of_pipe(descriptor: int, taken: Handover) -> AsyncIterator[bytes]:
    reader = asyncio.StreamReader(limit=MAX_LINE)
    if taken.rest:
        reader.feed_data(taken.rest)
    protocol = asyncio.StreamReaderProtocol(reader)
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    try:
        if taken.skipping:
            await skip_line(reader)
        async for line in lines_of(reader):
            yield line
    finally:
        transport.close()


def _can_be_polled(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


async def _write_first(write: Write, output: bytes, ending: asyncio.Event) -> None:
    """Write what was meant for the client before."""
    try:
        if output:
            await write(output)
    except (BrokenPipeError, ConnectionResetError):
        ending.set()


async def _open_writer(descriptor: int) -> Write:
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
