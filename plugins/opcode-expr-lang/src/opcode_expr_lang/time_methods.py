"""The methods of dates and durations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opcode_expr_lang.time_layout import PRINTED, in_layout
from opcode_expr_lang.times import (
    DAY,
    SECOND,
    UTC_ZONE,
    Duration,
    Time,
    Zone,
    days_of,
    duration,
    duration_text,
    moment,
    shifted,
)

Method = tuple[Callable[..., Any], tuple[str, ...]]
"""What runs it, and the types of its arguments."""


def _of_local(name: str) -> Method:
    return (lambda time: getattr(time.local(), name)), ()


def _since(unit: int) -> Method:
    return (lambda time: time.nanos // unit), ()


def _in_units(unit: int) -> Method:
    return (lambda value: value.nanos / unit), ()


def _whole_units(unit: int) -> Method:
    return (lambda value: int(value.nanos / unit)), ()


def _add_date(time: Time, years: int, months: int, days: int) -> Time:
    at = time.local()
    day = days_of(at.year + years, at.month + months, at.day + days)
    seconds = day * DAY + at.hour * 3600 + at.minute * 60 + at.second
    return moment(seconds, at.nanos, time.zone)


def _truncated(value: Duration, to: Duration) -> Duration:
    if to.nanos <= 0:
        return value
    rest = abs(value.nanos) % to.nanos
    return Duration(value.nanos - rest if value.nanos >= 0 else value.nanos + rest)


def _moved(time: Time, zone: Zone) -> Time:
    return Time(time.nanos, zone)


_TIME: dict[str, Method] = {
    **{name: _of_local(name.lower()) for name in ("Year", "Day", "Hour", "Minute", "Second")},
    "Month": (lambda time: time.local().month, ()),
    "Nanosecond": _of_local("nanos"),
    "YearDay": _of_local("year_day"),
    "Weekday": _of_local("weekday"),
    "Unix": _since(SECOND),
    "UnixMilli": _since(10**6),
    "UnixMicro": _since(1000),
    "UnixNano": _since(1),
    "Format": (in_layout, ("string",)),
    "String": (lambda time: in_layout(time, PRINTED), ()),
    "Add": (lambda time, by: shifted(time, by.nanos), ("time.Duration",)),
    "AddDate": (_add_date, ("int", "int", "int")),
    "Sub": (lambda time, other: duration(time.nanos - other.nanos), ("time.Time",)),
    "After": (lambda time, other: time.nanos > other.nanos, ("time.Time",)),
    "Before": (lambda time, other: time.nanos < other.nanos, ("time.Time",)),
    "Equal": (lambda time, other: time.nanos == other.nanos, ("time.Time",)),
    "UTC": (lambda time: _moved(time, UTC_ZONE), ()),
    "In": (_moved, ("time.Location",)),
}
_DURATION: dict[str, Method] = {
    "Hours": _in_units(3600 * SECOND),
    "Minutes": _in_units(60 * SECOND),
    "Seconds": _in_units(SECOND),
    "Milliseconds": _whole_units(10**6),
    "Microseconds": _whole_units(1000),
    "Nanoseconds": _whole_units(1),
    "Abs": (lambda value: duration(abs(value.nanos)), ()),
    "Truncate": (_truncated, ("time.Duration",)),
    "String": (duration_text, ()),
}

METHODS: dict[str, dict[str, Method]] = {
    "time.Time": _TIME,
    "time.Duration": _DURATION,
    "time.Location": {"String": (lambda zone: zone.name, ())},
}
"""The methods of each type that has any; looked up here and nowhere else."""
