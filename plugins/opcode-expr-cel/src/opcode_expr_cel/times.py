"""Timestamps and durations: reading, writing, and their parts in a time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from opcode_expr_cel.errors import FailedError
from opcode_expr_cel.values import MAX_INT, Duration, Timestamp

_SECOND = 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = -62_135_596_800 * _SECOND
"""0001-01-01T00:00:00Z"""
_AFTER_LAST = 253_402_300_800 * _SECOND
"""10000-01-01T00:00:00Z"""

_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_DURATION = re.compile(
    r"[+-]?(?:0|(?:(?:\d{1,19}(?:\.\d{0,19})?|\.\d{1,19})(?:ns|us|µs|μs|ms|[smhd]))+)", re.ASCII
)
_AMOUNT = re.compile(r"(\d*)(?:\.(\d*))?([a-zµμ]+)", re.ASCII)
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3_600 * _SECOND,
    "d": 86_400 * _SECOND,
}
_OFFSET = re.compile(r"([+-]?)(\d\d):(\d\d)", re.ASCII)
_LONGEST_TEXT = 200


def instant(nanos: int) -> Timestamp:
    """Give the timestamp so many nanoseconds after 1970.

    Raises:
        FailedError: It is not within the years 1 to 9999.
    """
    if _FIRST <= nanos < _AFTER_LAST:
        return Timestamp(nanos)
    raise FailedError("the timestamp is not within the years 1 to 9999")


def span(nanos: int) -> Duration:
    """Give the duration of so many nanoseconds.

    Raises:
        FailedError: It is longer than 64 bits of nanoseconds, some 292 years.
    """
    if abs(nanos) <= MAX_INT:
        return Duration(nanos)
    raise FailedError("the duration is longer than 292 years")


def read_timestamp(text: str) -> Timestamp:
    """Read an RFC 3339 timestamp.

    Raises:
        FailedError: It is none.
    """
    found = _TIMESTAMP.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if found is None:
        raise _no_timestamp()
    date, time, fraction, sign, hours, minutes = found.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{time}+00:00")
    except ValueError:
        raise _no_timestamp() from None
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    if sign:
        offset = int(hours) * 3_600 + int(minutes) * 60
        seconds += -offset if sign == "+" else offset
    return instant(seconds * _SECOND + int((fraction or "0").ljust(9, "0")))


def read_duration(text: str) -> Duration:
    """Read a duration such as `1h30m`, `-1.5s`, `300ms` or `2d`.

    Raises:
        FailedError: It is none.
    """
    if len(text) > _LONGEST_TEXT or not _DURATION.fullmatch(text):
        raise FailedError("the text is no duration: write one like 1h30m, 1.5s or 300ms")
    nanos = 0
    for whole, fraction, unit in _AMOUNT.findall(text):
        size = _UNITS[unit]
        nanos += int(whole or "0") * size
        if fraction:
            nanos += int(fraction) * size // 10 ** len(fraction)
    return span(-nanos if text.startswith("-") else nanos)


def timestamp_text(value: Timestamp) -> str:
    """Write a timestamp as RFC 3339 in UTC, its fraction without trailing zeros."""
    seconds, nanos = divmod(value.nanos, _SECOND)
    moment = _EPOCH + timedelta(seconds=seconds)
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    return f"{moment.replace(tzinfo=None).isoformat()}{fraction}Z"


def duration_text(value: Duration) -> str:
    """Write a duration in seconds, such as `1.5s`."""
    seconds, nanos = divmod(abs(value.nanos), _SECOND)
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    return f"{'-' if value.nanos < 0 else ''}{seconds}{fraction}s"


def part(value: Any, name: str, zone: str | None) -> int:
    """Give a part of a timestamp or duration, such as `getHours`.

    Args:
        value: A `Timestamp` or `Duration`.
        name: The name of CEL's function.
        zone: The time zone for a timestamp, `Europe/Madrid` or `+02:00`; None for UTC.

    Raises:
        FailedError: The value has no such part, or there is no such zone.
    """
    if isinstance(value, Duration):
        if zone is not None or name not in _SPANS:
            raise FailedError(f"a duration has no `{name}` like this")
        whole = abs(value.nanos) // _SPANS[name]
        if name == "getMilliseconds":
            whole %= 1_000
        return -whole if value.nanos < 0 else whole
    seconds, nanos = divmod(value.nanos, _SECOND)
    if name == "getMilliseconds":
        return int(nanos // 1_000_000)
    try:
        moment = (_EPOCH + timedelta(seconds=seconds)).astimezone(_zone(zone))
    except (OverflowError, ValueError):
        raise FailedError("the timestamp is not within the years 1 to 9999 there") from None
    return _calendar(moment, name)


_SPANS = {
    "getHours": 3_600 * _SECOND,
    "getMinutes": 60 * _SECOND,
    "getSeconds": _SECOND,
    "getMilliseconds": 1_000_000,
}


def _calendar(moment: datetime, name: str) -> int:
    day = moment.timetuple()
    return {
        "getFullYear": day.tm_year,
        "getMonth": day.tm_mon - 1,
        "getDate": day.tm_mday,
        "getDayOfMonth": day.tm_mday - 1,
        "getDayOfWeek": day.tm_wday + 1 if day.tm_wday < 6 else 0,  # noqa: PLR2004 - Sunday is 0
        "getDayOfYear": day.tm_yday - 1,
        "getHours": day.tm_hour,
        "getMinutes": day.tm_min,
        "getSeconds": day.tm_sec,
    }[name]


PARTS = [
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
]
"""The names `part` knows."""


def _zone(name: str | None) -> tzinfo:
    if name is None:
        return UTC
    offset = _OFFSET.fullmatch(name)
    try:
        if offset is None:
            return ZoneInfo(name)
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    except (ValueError, KeyError, OSError):  # a zone's name may lead to a folder
        raise FailedError("there is no such time zone: write one like Europe/Madrid") from None


def _no_timestamp() -> FailedError:
    return FailedError("the text is no timestamp: write one like 2026-01-31T08:00:00Z")
