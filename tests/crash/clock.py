"""A clock that goes faster than the world's, and goes on over the death of a process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from opcode_core.moments import Alarm


class ScaledClock:
    """A clock that goes so many times as fast as the world's (`Clock`).

    Args:
        file: When it was right; made if there is none.
        speed: How fast it goes.
    """

    def __init__(self, file: Path, speed: float) -> None:
        if not file.exists():
            file.write_text(repr(time.time()))
        self._zero = float(file.read_text() or time.time())
        self._speed = speed

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC, as it has them."""
        return self._zero + (time.time() - self._zero) * self._speed

    def wall(self) -> float:
        """The same: nobody sets it."""
        return self.now()

    def alarm(self, when: float, call: Callable[[], None]) -> Alarm:
        """Call on the event loop when it is so many seconds since 1970."""
        pause = max(0.0, when - self.now()) / self._speed
        return asyncio.get_running_loop().call_later(pause, call)
