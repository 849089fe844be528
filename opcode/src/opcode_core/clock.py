"""Time and identities, behind one door so that tests and simulations can stand in for them."""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the engine asks what time it is."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()


def to_micros(seconds: float) -> int:
    """Seconds since 1970 as whole microseconds: what the store keeps."""
    return round(seconds * 1e6)


def iso_time(micros: int) -> str:
    """A stored time as RFC 3339 text in UTC, with microseconds."""
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="microseconds")[:-6] + "Z"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: str) -> int:
    """Read an RFC 3339 time.

    Returns:
        Microseconds since 1970-01-01 UTC.

    Raises:
        ValueError: It is no such time, or has no offset from UTC.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text.upper().replace(" ", "T"):
        raise ValueError(f"{text!r} has no time zone")
    return round((moment - _EPOCH).total_seconds() * 1e6)


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
