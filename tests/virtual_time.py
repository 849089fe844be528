"""An event loop without a clock, a disk or threads: when nothing is ready, the time is that of the next alarm."""

from __future__ import annotations

import asyncio
from asyncio import base_events
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")
START = 1_800_000_000.0
"""What time it is when a virtual loop begins, in seconds since 1970."""


class StuckError(AssertionError):
    """Nothing is ready, nothing is due, and still somebody waits."""


class VirtualLoop(base_events.BaseEventLoop):
    """Runs tasks in virtual time, which is also the wall's: `time()` is in seconds since 1970.

    Args:
        random: How long work in threads takes.
        start: What time it is at first.
    """

    def __init__(self, random: Random, start: float = START) -> None:
        super().__init__()
        self._random = random
        self._virtual = start
        self._selector = self
        self._clock_resolution = (
            2e-7  # rounds to the next float: what is due now is due, and nothing later
        )
        self.troubles: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.troubles.append(context))

    def time(self) -> float:
        """Seconds since 1970."""
        return self._virtual

    def select(self, timeout: float | None) -> list[Any]:
        """Nothing is ready: let it be as late as the next alarm."""
        if timeout is None:
            raise StuckError("nothing is ready and nothing is due")
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self._virtual = max(self._virtual, self._scheduled[0]._when)  # type: ignore[attr-defined]
        return []

    def _process_events(self, events: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector."""

    def run_in_executor(  # type: ignore[override] # without a thread
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Call it on the loop, a little later."""
        future: asyncio.Future[T] = self.create_future()

        def call() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:  # noqa: BLE001 - it is told to whoever waits
                future.set_exception(error)

        self.call_later(self._random.choice((0.0, 0.0, 0.001, 0.01)), call)
        return future


class VirtualClock:
    """The clock of a virtual loop (`Clock`).

    Args:
        loop: The loop.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        """Seconds since 1970."""
        return self._loop.time()

    def wall(self) -> float:
        """The same: nobody sets it."""
        return self.now()

    def alarm(self, when: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call when it is that late."""
        return self._loop.call_at(max(when, self._loop.time()), call)


def run_virtually(main: Callable[[], Coroutine[Any, Any, T]], seed: int = 0) -> T:
    """Run a coroutine function in virtual time from beginning to end; what it leaves running is an error."""
    loop = VirtualLoop(Random(seed))
    asyncio.set_event_loop(None)
    try:
        result = loop.run_until_complete(main())
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        while asyncio.all_tasks(loop):
            loop.run_until_complete(asyncio.wait(asyncio.all_tasks(loop)))
    finally:
        loop.close()
    assert not loop.troubles, loop.troubles
    return result
