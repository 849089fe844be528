"""The workers of an engine: two, so that a program that runs away holds up no other for long."""

from __future__ import annotations

import threading
import weakref

from opcode_expr_jq.process import EndedError, Worker, WorkerError

_WORKERS = 2
_QUEUE_SECONDS = 60.0


class BusyError(WorkerError):
    """All workers are taken, and stay so."""


class Pool:
    """Workers that are started when they are needed and ended with the pool.

    An engine has no hook that closes it: the finalizer ends the workers when the engine is let go or the interpreter
    ends, and the end of their pipes does when the process goes any other way.
    """

    def __init__(self) -> None:
        self._free = threading.Semaphore(_WORKERS)
        self._workers = _Workers()
        self._finalizer = weakref.finalize(self, self._workers.end)

    def ask(self, program: bytes, document: bytes, seconds: float) -> tuple[bytes, bytes]:
        """Have a program run by a free worker; see `Worker.ask`.

        When somebody else ended the worker, another is asked once: a program changes nothing, so it may run twice.

        Raises:
            WorkerError: There is no answer.
        """
        if not self._free.acquire(timeout=_QUEUE_SECONDS):
            raise BusyError
        try:
            try:
                return self._workers.ask(program, document, seconds)
            except EndedError:
                return self._workers.ask(program, document, seconds)
        finally:
            self._free.release()

    def close(self) -> None:
        """End the workers; one that is needed after that is started."""
        self._workers.end()

    def pids(self) -> list[int]:
        """The ids of the processes there are."""
        return self._workers.pids()


class _Workers:
    """Those at work and those at rest; it knows nothing of the pool, so that the finalizer can hold it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()

    def ask(self, program: bytes, document: bytes, seconds: float) -> tuple[bytes, bytes]:
        worker = self._take()
        good = False
        try:
            answer = worker.ask(program, document, seconds)
            good = True
        finally:
            with self._lock:
                self._busy.discard(worker)
                if good:
                    self._idle.append(worker)
        return answer

    def _take(self) -> Worker:
        with self._lock:
            worker = self._idle.pop() if self._idle else None  # the last used: it knows programs
            if worker is not None:
                self._busy.add(worker)
                return worker
        worker = Worker()
        with self._lock:
            self._busy.add(worker)
        return worker

    def end(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
            for worker in self._busy:
                worker.kill()  # the thread that waits for it does the rest
        for worker in idle:
            worker.end()

    def pids(self) -> list[int]:
        with self._lock:
            return [worker.pid for worker in (*self._idle, *self._busy)]
