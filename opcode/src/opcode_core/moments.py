"""Moments: how they are written and stored, and what a clock is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Alarm(Protocol):
    """Something that is to be called later."""

    def cancel(self) -> None:
        """Let it not be called."""
        ...


class Clock(Protocol):
    """Where the engine asks what time it is, and to be called when it is time."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC, which only ever go on: what waits and deadlines are measured by."""
        ...

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC as the clock on the wall has them, which people set: what schedules go by."""
        ...

    def alarm(self, when: float, call: Callable[[], None]) -> Alarm:
        """Call on the event loop when it is so many seconds since 1970; soon when it was."""
        ...


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
