"""Work that may take long: in a thread, and it ends when its step does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from opcode_core import ActionContext

T = TypeVar("T")
_THREADS = 16
_GRACE = 2.0


class StoppedError(Exception):
    """The step has ended: its timeout, or somebody, said so."""


class Stop:
    """Whether the work is still wanted."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Say that it is not."""
        self._event.set()

    def check(self) -> None:
        """Called between any two pieces of the work.

        Raises:
            StoppedError: It is not wanted any more.
        """
        if self._event.is_set():
            raise StoppedError


async def in_thread(work: Callable[[Stop], T], context: ActionContext) -> T:
    """Do work in a thread until it is done or the step ends; then what is half done is undone before this returns.

    Args:
        work: What to do; it calls `Stop.check` often.
        context: Where the threads are shared.
    """
    threads = await context.shared(
        "fs.threads", lambda: ThreadPoolExecutor(_THREADS, "opcode-fs"), _let_go
    )
    stop = Stop()
    future = asyncio.get_running_loop().run_in_executor(threads, work, stop)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        stop.set()
        future.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        await asyncio.wait([future], timeout=_GRACE)
        raise


async def _let_go(threads: ThreadPoolExecutor) -> None:
    threads.shutdown(wait=False, cancel_futures=True)
