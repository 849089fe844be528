"""The machine's clock, and identities that sort by time: behind one door, so that tests can stand in for them."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import Callable

from opcode_core.moments import Alarm, Clock


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def alarm(self, when: float, call: Callable[[], None]) -> Alarm:
        """Call on the event loop when it is so many seconds since 1970."""
        return asyncio.get_running_loop().call_later(max(0.0, when - time.time()), call)


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
