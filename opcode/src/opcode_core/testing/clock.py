"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable


class FakeAlarm:
    """Something that is to be called when the clock says so (`Alarm`)."""

    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when = when
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Let it not be called."""
        self.call = None


class FakeClock:
    """A clock for tests (`Clock`): time passes only by `advance`.

    It stands for what the engine waits for by the clock: pauses between attempts, `wait` steps, deadlines, schedules.
    The timeout of one attempt of an action is measured by the event loop, in real time.

    Args:
        start: What time it is at first, in seconds since 1970-01-01 UTC.
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._set_by = 0.0
        self._heap: list[tuple[float, int, FakeAlarm]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self._now

    def wall(self) -> float:
        """The same, as the clock on the wall has it."""
        return self._now + self._set_by

    def set_wall(self, seconds: float) -> None:
        """Somebody sets the clock on the wall: forward by so many seconds, or back by less than none."""
        self._set_by += seconds

    def alarm(self, when: float, call: Callable[[], None]) -> FakeAlarm:
        """Call when it is so many seconds since 1970; soon when it was."""
        alarm = FakeAlarm(when, call)
        if when <= self._now:
            asyncio.get_running_loop().call_soon(_ring, alarm)
        else:
            heapq.heappush(self._heap, (when, next(self._order), alarm))
            self._changed.set()
        return alarm

    def advance(self, seconds: float) -> None:
        """Let time pass; alarms ring in their order, each at its own time.

        Call it on the event loop that set the alarms.

        Args:
            seconds: How many.
        """
        until = self._now + seconds
        while self._heap and self._heap[0][0] <= until:
            when, _, alarm = heapq.heappop(self._heap)
            self._now = max(self._now, when)
            _ring(alarm)
        self._now = until

    async def next_alarm(self, beyond: float = 0.0, within: float = 5.0) -> float:
        """Wait until something waits for the clock.

        Args:
            beyond: Alarms that ring in so many seconds or sooner do not count: the engine has some of its own.
            within: How many real seconds that may take.

        Returns:
            How many seconds are left until the first alarm that counts: what to `advance` by.

        Raises:
            TimeoutError: Nothing waits for the clock.
        """
        async with asyncio.timeout(within):
            while True:
                waiting = [alarm.when - self._now for _, _, alarm in self._heap if alarm.call]
                counting = [left for left in waiting if left > beyond]
                if counting:
                    return min(counting)
                self._changed.clear()
                await self._changed.wait()


def _ring(alarm: FakeAlarm) -> None:
    call, alarm.call = alarm.call, None
    if call is not None:
        call()
