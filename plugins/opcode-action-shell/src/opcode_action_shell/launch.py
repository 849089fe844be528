"""The nursery as the server sees it: started when the first command comes, asked for each, ended with the server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opcode_action_shell.nursery import LENGTH, TAKEN, Order

_START_SECONDS = 10.0
_END_SECONDS = 10.0
_BOOT = (
    "import sys, types; package = types.ModuleType('opcode_action_shell'); package.__path__ = [sys.argv[1]]; "
    "sys.modules['opcode_action_shell'] = package; "
    "from opcode_action_shell.nursery import main; main(int(sys.argv[2]))"
)


class NotStartedError(Exception):
    """The nursery, or a command in it, could not be started.

    Args:
        reason: Why, in a few words.
        confining: Whether it is the confinement that did not work, and not the command.
    """

    def __init__(self, reason: str, *, confining: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.confining = confining


class LostError(Exception):
    """The process that looks after a command was ended: nobody knows what became of the command."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine can be asked to keep a command from, found by doing it.

    Attributes:
        landlock: Which version of Landlock there is; 0 for none.
        namespaces: Whether a command can have processes and mounts of its own.
        proc: Whether it can have a `/proc` of its own too.
        network: Whether it can be cut off from the network.
        processes: Whether the number of its processes can be limited.
        why: Why there are no namespaces; empty when there are.
    """

    landlock: int = 0
    namespaces: bool = False
    proc: bool = False
    network: bool = False
    processes: bool = False
    why: str = ""


class Line:
    """The line of one command: its order went in, how it ended comes out, and closing it ends all of it."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._received = b""

    async def ended(self) -> int:
        """Wait until the command has ended; its exit code, -n for signal n.

        Raises:
            NotStartedError: It never began.
            LostError: Nobody knows.
        """
        loop = asyncio.get_running_loop()
        while b"\n" not in self._received:
            try:
                part = await loop.sock_recv(self._end, 1 << 16)
            except ConnectionResetError:
                part = b""
            if not part:
                raise LostError
            self._received += part
        message = json.loads(self._received.partition(b"\n")[0])
        if "failed" in message:
            raise NotStartedError(str(message["text"]), confining=message["failed"] != "start")
        return int(message["exit"])

    async def close(self) -> bool:
        """End everything that is left of the command; say whether it is known to have ended."""
        loop = asyncio.get_running_loop()
        try:
            with contextlib.suppress(OSError):
                self._end.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_END_SECONDS):
                with contextlib.suppress(OSError):
                    while await loop.sock_recv(self._end, 1 << 16):
                        pass
                return True
        except TimeoutError:
            return False
        finally:
            self._end.close()


class Nursery:
    """The nursery process; it is started when it is needed, and again when it was ended."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._machine = Machine()

    async def machine(self) -> Machine:
        """What works on this machine.

        Raises:
            NotStartedError: The nursery cannot be started.
        """
        await self._running()
        return self._machine

    async def open_line(self, order: Order, streams: Sequence[int]) -> Line:
        """Let a command be born.

        Args:
            order: What is to be done, as `nursery.keep` reads it.
            streams: Descriptors of its standard input, output and error.

        Raises:
            NotStartedError: The nursery cannot be started.
            OSError: There are no descriptors left.
        """
        text = json.dumps(order).encode()
        for _ in range(2):
            line = await self._offer(text, streams)
            if line is not None:
                return line
            await self.close()  # it was ended: another one takes it
        raise NotStartedError("the process that looks after commands ends again and again")

    async def _offer(self, order: bytes, streams: Sequence[int]) -> Line | None:
        """Offer an order; None when there is nobody any more to take it, so that nothing of it was run."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        taken = False
        try:
            with theirs:
                socket.send_fds(await self._running(), [b"."], [theirs.fileno()])
            socket.send_fds(ours, [LENGTH.pack(len(order))], streams)
            await loop.sock_sendall(ours, order)
            taken = await loop.sock_recv(ours, len(TAKEN)) == TAKEN
        except (BrokenPipeError, ConnectionResetError):
            return None
        finally:
            if not taken:
                ours.close()
        return Line(ours) if taken else None

    async def _running(self) -> socket.socket:
        async with self._lock:
            if self._process is not None and self._process.poll() is not None:
                await self.close()
            if self._control is None:
                await self._start()
            assert self._control is not None  # noqa: S101 - `_start` has set it
            return self._control

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        spawning = asyncio.ensure_future(asyncio.to_thread(_spawn, theirs))
        try:
            process = await asyncio.shield(spawning)
            async with asyncio.timeout(_START_SECONDS):
                answer = await asyncio.get_running_loop().sock_recv(ours, 1 << 16)
            self._machine = Machine(**json.loads(answer))
        except (OSError, TimeoutError, ValueError) as error:
            ours.close()
            await _put_away(spawning)
            reason = getattr(error, "strerror", None) or "its process ended or did not answer"
            raise NotStartedError(str(reason)) from None
        except BaseException:
            ours.close()
            await _put_away(spawning)
            raise
        self._process, self._control = process, ours

    async def close(self) -> None:
        """End it; commands that run have their own processes, and end with their lines."""
        control, self._control = self._control, None
        process, self._process = self._process, None
        if control is not None:
            control.close()
        if process is not None:
            await asyncio.to_thread(_reap, process)


def _spawn(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start the process with its end of the socket, which is closed here and no sooner."""
    with theirs:
        if not sys.executable:
            raise OSError(0, "this server does not know its Python interpreter")
        here = str(Path(__file__).parent)
        return subprocess.Popen(  # noqa: S603 - our own interpreter and package
            [sys.executable, "-I", "-S", "-c", _BOOT, here, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={},
            cwd="/",
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )


async def _put_away(spawning: asyncio.Future[subprocess.Popen[bytes]]) -> None:
    """End a process that nobody will use, also when it is only just being started."""
    await asyncio.wait([spawning])
    if not spawning.cancelled() and spawning.exception() is None:
        await asyncio.to_thread(_reap, spawning.result())


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def end_nursery(nursery: Nursery) -> None:
    """Close a nursery that was shared."""
    await nursery.close()
