"""The machine's clock, and identities that sort by time: behind one door, so that tests can stand in for them."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import Callable

from opcode_core.moments import Alarm, Clock

_LOOK_SECONDS = 60.0
"""How long an alarm of the event loop is at most: its time stands still while the machine sleeps."""
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The clock that nobody sets and that goes on while the machine sleeps."""


class SystemClock:
    """The machine's clock as it was when this began, counted on steadily: nobody who sets it moves a deadline."""

    def __init__(self) -> None:
        self._began = time.time() - time.clock_gettime(_STEADY)

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self._began + time.clock_gettime(_STEADY)

    def wall(self) -> float:
        """The same, as the machine's clock says now."""
        return time.time()

    def alarm(self, when: float, call: Callable[[], None]) -> Alarm:
        """Call on the event loop when it is so many seconds since 1970; soon when it was."""
        return _SystemAlarm(self, when, call)


class _SystemAlarm:
    """Looks now and then whether it is time, and calls."""

    def __init__(self, clock: SystemClock, when: float, call: Callable[[], None]) -> None:
        self._clock = clock
        self._when = when
        self._call = call
        self._set()

    def cancel(self) -> None:
        self._timer.cancel()

    def _set(self) -> None:
        left = min(max(0.0, self._when - self._clock.now()), _LOOK_SECONDS)
        self._timer = asyncio.get_running_loop().call_later(left, self._look)

    def _look(self) -> None:
        if self._clock.now() < self._when:
            self._set()
        else:
            self._call()


class Identities:
    """Makes ids that sort by the time they were made.

    They are UUIDs of version 7 (RFC 9562, 5.7), with the fraction of the millisecond in `rand_a` and never going back,
    so that ids made by one process are strictly ascending.

    Args:
        clock: Where the time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def new_id(self) -> str:
        """A new id, larger than every one before."""
        ticks = int(self._clock.now() * 1000 * 4096)  # 2^-12 of a millisecond
        self._last = max(ticks, self._last + 1)
        millis, fraction = divmod(self._last, 4096)
        number = millis << 80 | 7 << 76 | fraction << 64 | 2 << 62 | secrets.randbits(62)
        return str(uuid.UUID(int=number))
