"""Running a process: output kept up to a cap, a deadline, and nothing of it left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

MAX_OUTPUT = 10 << 20
"""How much of standard output and of standard error is kept, in bytes each."""
_DRAIN_SECONDS = 1.0
"""How long the pipes are read after the command has ended, when something it left behind holds them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a process ended.

    Attributes:
        exit_code: Its exit status; 128 + n when signal n ended it; -1 when its time was up.
        killed: Whether its time was up.
        stdout: The first `MAX_OUTPUT` bytes.
        stdout_bytes: How many there were.
        stderr: The first `MAX_OUTPUT` bytes.
    """

    exit_code: int
    killed: bool
    stdout: bytes
    stdout_bytes: int
    stderr: bytes


class _Sink(asyncio.Protocol):
    """Keeps the first bytes of a pipe and counts the others, so that a full pipe never holds the process up."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.total = 0
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.total += len(data)
        self.kept += data[: max(0, MAX_OUTPUT - len(self.kept))]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.ended.set()


async def run_process(
    words: Sequence[str], *, env: Mapping[str, str], cwd: str, stdin: bytes | None, seconds: float
) -> Outcome:
    """Run a command to its end, or until its time is up; then all of its processes are ended.

    Args:
        words: The command line.
        env: Its whole environment.
        cwd: Its folder.
        stdin: What it can read; None for nothing.
        seconds: How long it may run.

    Raises:
        OSError: It cannot be started.
    """
    async with _pipes() as (sinks, ends):
        with tempfile.TemporaryFile() as given:
            if stdin:
                await asyncio.to_thread(given.write, stdin)
                given.seek(0)
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=given,
                stdout=ends[0],
                stderr=ends[1],
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        while ends:
            os.close(ends.pop())
        killed = False
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            killed = True
            end_tree(process.pid)
            await process.wait()
        except BaseException:
            end_tree(process.pid)
            await asyncio.shield(process.wait())
            raise
        drained = [asyncio.ensure_future(sink.ended.wait()) for sink in sinks]
        try:
            await asyncio.wait(drained, timeout=_DRAIN_SECONDS)
        finally:
            for waiter in drained:
                waiter.cancel()
            end_tree(process.pid)
        code = cast("int", process.returncode)
        out, err = sinks
        return Outcome(
            -1 if killed else 128 - code if code < 0 else code,
            killed,
            bytes(out.kept),
            out.total,
            bytes(err.kept),
        )


@contextlib.asynccontextmanager
async def _pipes() -> AsyncIterator[tuple[list[_Sink], list[int]]]:
    """Two sinks and the ends that write into them; what is still open is closed."""
    loop = asyncio.get_running_loop()
    sinks: list[_Sink] = []
    transports: list[asyncio.ReadTransport] = []
    ends: list[int] = []
    try:
        for _ in range(2):
            read, write = os.pipe()
            ends.append(write)
            transport, sink = await loop.connect_read_pipe(_Sink, os.fdopen(read, "rb", 0))
            transports.append(transport)
            sinks.append(sink)
        yield sinks, ends
    finally:
        for end in ends:
            os.close(end)
        for transport in transports:
            transport.close()


def end_tree(pid: int) -> None:
    """End a process, its group, and whatever descends from it."""
    for descendant in [*_descendants(pid), pid]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(descendant, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc") if Path("/proc/self/stat").exists() else ():
        if entry.isdecimal():
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = Path("/proc", entry, "stat").read_bytes().rpartition(b")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry))
    found: list[int] = []
    stack = [pid]
    while stack:
        below = children.get(stack.pop(), [])
        found += below
        stack += below
    return found
