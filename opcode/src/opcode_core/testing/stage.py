"""A thread with an event loop of its own, where a test runs what may block, hang or refuse to end, and gets away."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from pathlib import Path
from traceback import extract_stack
from typing import Any, TypeVar

T = TypeVar("T")
_ABANDONED: list[Any] = []  # what refuses to end is kept: collecting it would make it complain
_RUNNING: set[asyncio.Future[Any]] = set()
_START_SECONDS = 30.0
_LIBRARY = sysconfig.get_path("stdlib")
_KIT = str(Path(__file__).parent)


class StuckError(Exception):
    """What ran on the stage did not come back in time.

    Args:
        seconds: How long it was waited for.
        where: Where it stands, as `file:line in function`.
    """

    def __init__(self, seconds: float, where: str) -> None:
        super().__init__(f"it did not come back within {seconds:g} s; it stands at {where}")
        self.where = where


class _EndStageError(BaseException):
    """Thrown into a stage's thread to end it."""


class Stage:
    """The thread and its loop; closed by its user, within a bounded time whatever runs there."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stuck = False
        self._thread = threading.Thread(target=self._serve, name="opcode-stage", daemon=True)
        self._thread.start()
        self._ready.wait(_START_SECONDS)

    def call(self, make: Callable[[], Coroutine[Any, Any, T]], seconds: float) -> T:
        """Run a coroutine on the stage.

        Args:
            make: Makes it, on the stage.
            seconds: How long it may take.

        Raises:
            StuckError: It takes longer: the loop is blocked, or the coroutine refuses to end. The stage is of no use
                any more.
        """
        if self._loop is None or self._stuck:
            raise StuckError(0, "a call before")
        answer: Future[T] = Future()

        async def play() -> None:
            try:
                answer.set_result(await make())
            except BaseException as raised:  # noqa: BLE001 - whatever it is, the caller gets it
                answer.set_exception(raised)

        def begin() -> None:
            task = asyncio.ensure_future(play())
            _RUNNING.add(task)
            task.add_done_callback(_RUNNING.discard)

        self._loop.call_soon_threadsafe(begin)
        try:
            return answer.result(seconds)
        except TimeoutError:
            if answer.done():
                raise
            where = self._where()
            self._stuck = True
            raise StuckError(seconds, where) from None

    def close(self) -> None:
        """End the loop and the thread, by force if need be."""
        if self._loop is not None and not self._stuck:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_START_SECONDS)
            return
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(0.2)
        if self._thread.is_alive():
            number = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(_EndStageError))
        _ABANDONED.append((self._thread, self._loop))

    def _serve(self) -> None:
        self._loop = loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)
        self._ready.set()
        with contextlib.suppress(_EndStageError):
            loop.run_forever()
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=1.0))
            if all(task.done() for task in left):
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()
                return
            _ABANDONED.extend(left)

    def _where(self) -> str:
        """The innermost line of somebody's own code, as far as there is one."""
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001 - the one way to look at a thread
        stack = extract_stack(frame)
        own = [one for one in stack if not _is_machinery(one.filename)]
        shown = (own or stack)[-1]
        return f"{shown.filename}:{shown.lineno} in {shown.name}"


def _is_machinery(filename: str) -> bool:
    library = filename.startswith(_LIBRARY) and "site-packages" not in filename
    return library or filename.startswith(_KIT)


class Steps:
    """A coroutine that is awaited step by step, so that it is known how long each kept the loop busy.

    Args:
        work: The coroutine.

    Attributes:
        longest: Seconds of the longest step so far.
        waits: How often it gave the loop back.
    """

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self.longest = 0.0
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        iterator = self._work.__await__()
        send: Callable[[], Any] = iterator.__next__
        while True:
            began = time.perf_counter()
            try:
                waited = send()
            except StopIteration as done:
                return done.value
            finally:
                self.longest = max(self.longest, time.perf_counter() - began)
            self.waits += 1
            try:
                sent = yield waited
            except BaseException as raised:  # noqa: BLE001 - a cancellation belongs to the coroutine
                send = _thrower(iterator, raised)
            else:
                send = _sender(iterator, sent)


def _thrower(iterator: Generator[Any, Any, Any], raised: BaseException) -> Callable[[], Any]:
    return lambda: iterator.throw(raised)


def _sender(iterator: Generator[Any, Any, Any], sent: Any) -> Callable[[], Any]:
    return lambda: iterator.send(sent)
