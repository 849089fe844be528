"""A worker process, seen from the server: started, asked, and ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from time import monotonic

from opcode_expr_jq.worker import ANSWER, MOST_OUTPUT, REQUEST

_SCRIPT = str(Path(__file__).with_name("worker.py"))
_START_SECONDS = 10.0
_END_SECONDS = 5.0
_PIECE = 1 << 20


class WorkerError(Exception):
    """The worker gave no answer, and is no more."""


class TooLongError(WorkerError):
    """It was still at work when its time was over."""


class NoMemoryError(WorkerError):
    """It needed more memory than it may have."""


class CrashedError(WorkerError):
    """libjq crashed, as it does when it descends too deep."""


class EndedError(WorkerError):
    """Somebody else ended it."""


class NotStartedError(WorkerError):
    """It could not be started.

    Args:
        reason: Why, in a word or two.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_DEATHS: dict[int, type[WorkerError]] = {
    -signal.SIGABRT: NoMemoryError,
    -signal.SIGALRM: TooLongError,
    -signal.SIGXCPU: TooLongError,
    -signal.SIGSEGV: CrashedError,
    -signal.SIGBUS: CrashedError,
}


class Worker:
    """One worker process; for one thread at a time.

    It has no environment, no files but its two pipes, and a session of its own. It ends when its pipe does, and that is
    closed in every way a server can go; while it works, an alarm of its own bounds how long it goes on without one.
    (Linux's parent death signal would come when the thread that started it ends, and threads of a pool do.)

    Raises:
        NotStartedError: There is no such process.
    """

    def __init__(self) -> None:
        library = find_spec("jq")
        if library is None or library.origin is None:
            raise NotStartedError("the module `jq` is not installed")
        if not sys.executable:
            raise NotStartedError("this server does not know its Python interpreter")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [sys.executable, "-I", "-S", _SCRIPT, library.origin],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise NotStartedError(error.strerror or type(error).__name__) from None
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._requests = self._process.stdin.fileno()
        self._answers = self._process.stdout.fileno()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._answers, False)
        try:
            self._receive(monotonic() + _START_SECONDS)
        except WorkerError:
            self.end()
            raise NotStartedError("its process ended or did not answer") from None

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def ask(self, program: bytes, document: bytes, seconds: float) -> tuple[bytes, bytes]:
        """Have a program run; waiting holds no lock of the interpreter.

        Args:
            program: The program.
            document: Its input, as JSON; nothing to have it compiled only.
            seconds: How long that may take.

        Returns:
            The letter and the text of the answer, as `worker` says.

        Raises:
            WorkerError: There is no answer; the worker is ended then.
        """
        deadline = monotonic() + seconds
        try:
            head = REQUEST.pack(len(program), len(document))
            self._send(head + program + document, deadline)
            return self._receive(deadline)
        except (
            BaseException
        ):  # also when the thread is told to end: half an answer must meet nobody else
            self.end()
            raise

    def kill(self) -> None:
        """Kill the process; who waits for its answer finds that out."""
        self._process.kill()

    def end(self) -> None:
        """End the process, whatever it is doing, and let go of it."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._ended()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _send(self, data: bytes, deadline: float) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._requests, rest) :]
            except BlockingIOError:
                self._wait(self._requests, select.POLLOUT, deadline)
            except OSError:
                raise self._gone() from None

    def _receive(self, deadline: float) -> tuple[bytes, bytes]:
        kind, size = ANSWER.unpack(self._read(ANSWER.size, deadline))
        if size > MOST_OUTPUT:
            raise EndedError
        return kind, self._read(size, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                piece = os.read(self._answers, min(size - len(data), _PIECE))
            except BlockingIOError:
                self._wait(self._answers, select.POLLIN, deadline)
                continue
            if not piece:
                raise self._gone()
            data += piece
        return bytes(data)

    def _wait(self, pipe: int, for_what: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(pipe, for_what)
        left = deadline - monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise TooLongError

    def _gone(self) -> WorkerError:
        """Why the process is no more."""
        try:
            return _DEATHS.get(self._ended(), EndedError)()
        except subprocess.TimeoutExpired:
            return EndedError()

    def _ended(self) -> int:
        """Wait until the process has ended, and say how; in the system, for `Popen` would sleep again and again.

        Raises:
            subprocess.TimeoutExpired: It has not, after some seconds.
        """
        if self._process.returncode is None and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                process = os.pidfd_open(self._process.pid)
                try:
                    poll = select.poll()
                    poll.register(process, select.POLLIN)
                    poll.poll(_END_SECONDS * 1000)
                finally:
                    os.close(process)
                return self._process.wait(0)
        return self._process.wait(_END_SECONDS)
