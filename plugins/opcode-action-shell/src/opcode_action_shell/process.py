"""Running a command: output kept up to a cap, a deadline, and nothing of it left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass

from opcode_action_shell.launch import Line, Nursery
from opcode_action_shell.nursery import Order

MAX_OUTPUT = 10 << 20
"""How much of standard output and of standard error is kept, in bytes each."""
_DRAIN_SECONDS = 1.0
"""How long the pipes are read after the command has ended, when something it left behind holds them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    Attributes:
        exit_code: Its exit status; 128 + n when signal n ended it; -1 when its time was up.
        killed: Whether its time was up.
        stdout: The first bytes of its standard output.
        stdout_bytes: How many there were.
        stderr: The first bytes of its standard error.
        all_ended: Whether everything it started is known to have ended.
    """

    exit_code: int
    killed: bool
    stdout: bytes
    stdout_bytes: int
    stderr: bytes
    all_ended: bool


class _Sink(asyncio.Protocol):
    """Keeps the first bytes of a pipe and counts the others, so that a full pipe never holds the process up."""

    def __init__(self, most: int) -> None:
        self.kept = bytearray()
        self.total = 0
        self.ended = asyncio.Event()
        self._most = most

    def data_received(self, data: bytes) -> None:
        self.total += len(data)
        if len(self.kept) < self._most:
            self.kept += data[: self._most - len(self.kept)]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.ended.set()


async def run_process(
    nursery: Nursery,
    order: Order,
    *,
    stdin: bytes | None,
    seconds: float,
    most_output: int = MAX_OUTPUT,
) -> Outcome:
    """Run a command to its end, or until its time is up; then all of its processes are ended.

    Args:
        nursery: Where it is born.
        order: The command and how it is confined.
        stdin: What it can read; None for nothing.
        seconds: How long it may run.
        most_output: How many bytes are kept of each of its outputs.

    Raises:
        NotStartedError: It never began.
        LostError: Nobody knows what became of it.
        OSError: There are no descriptors, or there is no place for its input.
    """
    async with _pipes(most_output) as (sinks, ends):
        with tempfile.TemporaryFile() as given:
            if stdin:
                await asyncio.to_thread(given.write, stdin)
                given.seek(0)
            line = await nursery.open_line(order, [given.fileno(), *ends])
        while ends:
            os.close(ends.pop())
        try:
            code = await _code(line, seconds)
            if code is not None:
                await _drained(sinks)
        finally:
            all_ended = await _end(line)
        if code is None:
            await _drained(sinks)
        out, err = sinks
        return Outcome(
            -1 if code is None else 128 - code if code < 0 else code,
            code is None,
            bytes(out.kept),
            out.total,
            bytes(err.kept),
            all_ended,
        )


async def _code(line: Line, seconds: float) -> int | None:
    """The exit code; None when the time was up."""
    try:
        async with asyncio.timeout(seconds):
            return await line.ended()
    except TimeoutError:
        return None


async def _end(line: Line) -> bool:
    """Close a line to its end, also when that is cancelled meanwhile."""
    closing = asyncio.ensure_future(line.close())
    try:
        return await asyncio.shield(closing)
    except asyncio.CancelledError:
        await closing
        raise


async def _drained(sinks: list[_Sink]) -> None:
    """Wait until the pipes are at their end, for a while."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            for sink in sinks:
                await sink.ended.wait()


@contextlib.asynccontextmanager
async def _pipes(most: int) -> AsyncIterator[tuple[list[_Sink], list[int]]]:
    """Two sinks and the ends that write into them; what is still open is closed."""
    loop = asyncio.get_running_loop()
    sinks: list[_Sink] = []
    transports: list[asyncio.ReadTransport] = []
    ends: list[int] = []
    try:
        for _ in range(2):
            read, write = os.pipe()
            ends.append(write)
            transport, sink = await loop.connect_read_pipe(
                lambda: _Sink(most), os.fdopen(read, "rb", 0)
            )
            transports.append(transport)
            sinks.append(sink)
        yield sinks, ends
    finally:
        for end in ends:
            os.close(end)
        for transport in transports:
            transport.close()
