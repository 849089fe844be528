"""Dates, durations and time zones, to the nanosecond and for every year, as Go's `time` has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from opcode_core import ExecutionError

SECOND = 10**9
DAY = 86_400
_ERA = 146_097
"""Days in 400 years."""
_EPOCH = 719_468
"""Days from March 1st of the year 0 to 1970."""
_UNITS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,
    "μs": 1000,
    "ms": 10**6,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_DURATION = re.compile(r"(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_MAX_NANOS = 2**63 - 1
_LONGEST = 100


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time.

    Attributes:
        nanos: In nanoseconds; they fit 64 bits.
    """

    nanos: int


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone.

    Attributes:
        name: Its name, such as `Europe/Madrid`; empty for a fixed offset.
        rules: Says its offset; None for UTC and for a fixed one.
        offset: Seconds east of Greenwich, where the zone has no rules.
        label: The abbreviation of a fixed zone, such as `MST`.
    """

    name: str
    rules: tzinfo | None = None
    offset: int = 0
    label: str = ""

    def at(self, seconds: int) -> tuple[int, str]:
        """The offset in seconds and the abbreviation at a moment, in seconds since 1970."""
        if self.rules is None:
            return self.offset, self.label
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            seconds=min(max(seconds, -62_000_000_000), 250_000_000_000)
        )
        local = moment.astimezone(self.rules)
        return int((local.utcoffset() or timedelta()).total_seconds()), local.tzname() or ""


UTC_ZONE = Zone("UTC", label="UTC")


@dataclass(frozen=True, slots=True)
class Time:
    """A moment, shown in a time zone.

    Attributes:
        nanos: Nanoseconds since 1970.
        zone: Where it is shown.
    """

    nanos: int
    zone: Zone = UTC_ZONE

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Time) and self.nanos == other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __lt__(self, other: Time) -> bool:
        return self.nanos < other.nanos

    def __le__(self, other: Time) -> bool:
        return self.nanos <= other.nanos

    def local(self) -> Civil:
        """The date and the time of day where it is shown."""
        offset, label = self.zone.at(self.nanos // SECOND)
        seconds, nanos = divmod(self.nanos, SECOND)
        days, rest = divmod(seconds + offset, DAY)
        year, month, day = civil(days)
        hour, rest = divmod(rest, 3600)
        return Civil(year, month, day, hour, *divmod(rest, 60), nanos, offset, label, days)


@dataclass(frozen=True, slots=True)
class Civil:
    """A date and a time of day; `days` counts from 1970, `offset` is in seconds."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    nanos: int
    offset: int
    label: str
    days: int

    @property
    def weekday(self) -> int:
        """0 for Sunday."""
        return (self.days + 4) % 7

    @property
    def year_day(self) -> int:
        """1 for January 1st."""
        return self.days - days_of(self.year, 1, 1) + 1


def days_of(year: int, month: int, day: int) -> int:
    """Days since 1970 of a date in the Gregorian calendar; months and days may be beyond their range."""
    carry, month = divmod(month - 1, 12)
    year, shifted = year + carry - (month < 2), (month + 10) % 12  # noqa: PLR2004 - before March
    era, of_era = divmod(year, 400)
    return (
        era * _ERA
        + of_era * 365
        + of_era // 4
        - of_era // 100
        + (153 * shifted + 2) // 5
        + (day - 1 - _EPOCH)
    )


def civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a count of days since 1970."""
    era, day = divmod(days + _EPOCH, _ERA)
    of_era = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * of_era + of_era // 4 - of_era // 100
    shifted = (5 * day + 2) // 153
    month = (shifted + 2) % 12 + 1
    return era * 400 + of_era + (month <= 2), month, day - (153 * shifted + 2) // 5 + 1  # noqa: PLR2004


def moment(seconds: int, nanos: int, zone: Zone) -> Time:
    """The moment at which it is so late in a zone, in seconds since 1970 as if the zone were UTC."""
    offset, _ = zone.at(seconds)
    offset, _ = zone.at(seconds - offset)
    return Time((seconds - offset) * SECOND + nanos, zone)


def shifted(time: Time, nanos: int) -> Time:
    """A moment so many nanoseconds later."""
    return Time(time.nanos + nanos, time.zone)


def duration(nanos: float) -> Duration:
    """A duration.

    Raises:
        ExecutionError: It is beyond 64 bits of nanoseconds, about 292 years.
    """
    if not -_MAX_NANOS <= nanos <= _MAX_NANOS:
        raise ExecutionError("the duration is beyond 292 years")
    return Duration(int(nanos))


def find_zone(name: str) -> Zone:
    """The time zone of a name, such as `UTC` or `Europe/Madrid`.

    Raises:
        ExecutionError: There is none.
    """
    if name in ("", "UTC"):
        return UTC_ZONE
    try:
        return Zone(name, ZoneInfo(name))
    except (ValueError, OSError, LookupError):
        raise ExecutionError(
            "there is no such time zone: write a name such as Europe/Madrid"
        ) from None


def read_duration(written: str) -> Duration:
    """Read a duration such as `1h30m` or `-1.5s`.

    Raises:
        ExecutionError: It is none.
    """
    sign = -1 if written.startswith("-") else 1
    rest = written[written[:1] in ("+", "-") :]
    if rest == "0":
        return Duration(0)
    total, at = 0, 0
    while at < len(rest) <= _LONGEST:
        match = _DURATION.match(rest, at)
        if match is None or not (match[1] or match[2]):
            break
        unit, fraction = _UNITS[match[3]], match[2] or ""
        total += int(match[1] or 0) * unit + int(fraction or 0) * unit // 10 ** len(fraction)
        at = match.end()
    if not at or at < len(rest):
        raise ExecutionError("the text is no duration: write one such as 1h30m or 500ms")
    return duration(sign * total)


def duration_text(value: Duration) -> str:
    """Write a duration as Go does: `1h30m0s`, `1.5ms`, `0s`."""
    sign, nanos = "-" if value.nanos < 0 else "", abs(value.nanos)
    if nanos < SECOND:
        for name, unit in (("ms", 10**6), ("µs", 1000), ("ns", 1)):
            if nanos >= unit:
                return f"{sign}{_decimal(nanos, unit)}{name}"
        return "0s"
    minutes, rest = divmod(nanos, 60 * SECOND)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, SECOND)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _decimal(amount: int, unit: int) -> str:
    before, after = divmod(amount, unit)
    if not after:
        return str(before)
    return f"{before}.{after:0{len(str(unit)) - 1}d}".rstrip("0")
