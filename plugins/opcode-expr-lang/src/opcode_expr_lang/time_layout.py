"""Layouts of dates, in which a part is written as it is in Go's reference time: 2006-01-02 15:04:05."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from opcode_core import ExecutionError

from opcode_expr_lang.times import DAY, SECOND, UTC_ZONE, Civil, Time, Zone, days_of, moment

RFC3339 = "2006-01-02T15:04:05.999999999Z07:00"
"""How JSON has a date."""
PRINTED = "2006-01-02 15:04:05.999999999 -0700 MST"
"""How `string(x)` has one."""

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

_PART = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|002|[Z+-]07(?::?00(?::?00)?)?|01|02|03|04|05|06"
    r"|15|PM|pm|_2(?!006)|[.,]0+(?![0-9])|[.,]9+(?![0-9])|1|2|3|4|5"
)
_MAX_LAYOUT = 200
_NOON = 12
_CENTURY = 69
"""Two digits of a year from here on belong to the 20th century."""

_WRITTEN: dict[str, Callable[[Civil], str]] = {
    "January": lambda at: MONTHS[at.month - 1],
    "Jan": lambda at: MONTHS[at.month - 1][:3],
    "Monday": lambda at: DAYS[at.weekday],
    "Mon": lambda at: DAYS[at.weekday][:3],
    "MST": lambda at: at.label or _offset(at.offset, "-07" if at.offset % 3600 == 0 else "-0700"),
    "2006": lambda at: f"{at.year:04d}",
    "06": lambda at: f"{at.year % 100:02d}",
    "01": lambda at: f"{at.month:02d}",
    "1": lambda at: str(at.month),
    "02": lambda at: f"{at.day:02d}",
    "_2": lambda at: f"{at.day:2d}",
    "2": lambda at: str(at.day),
    "002": lambda at: f"{at.year_day:03d}",
    "__2": lambda at: f"{at.year_day:3d}",
    "15": lambda at: f"{at.hour:02d}",
    "03": lambda at: f"{at.hour % _NOON or _NOON:02d}",
    "3": lambda at: str(at.hour % _NOON or _NOON),
    "04": lambda at: f"{at.minute:02d}",
    "4": lambda at: str(at.minute),
    "05": lambda at: f"{at.second:02d}",
    "5": lambda at: str(at.second),
    "PM": lambda at: "PM" if at.hour >= _NOON else "AM",
    "pm": lambda at: "pm" if at.hour >= _NOON else "am",
}
_READ = {
    "January": "|".join(MONTHS),
    "Jan": "|".join(name[:3] for name in MONTHS),
    "Monday": "|".join(DAYS),
    "Mon": "|".join(name[:3] for name in DAYS),
    "MST": r"[A-Z]{3,5}|[+-]\d{2}",
    "2006": r"\d{4}",
    "06": r"\d{2}",
    "01": r"\d{2}",
    "1": r"\d{1,2}",
    "02": r"\d{2}",
    "_2": r"[ \d]?\d",
    "2": r"\d{1,2}",
    "002": r"\d{3}",
    "__2": r"[ \d]{2}\d",
    "15": r"\d{1,2}",
    "03": r"\d{2}",
    "3": r"\d{1,2}",
    "04": r"\d{2}",
    "4": r"\d{1,2}",
    "05": r"\d{2}(?:[.,]\d{1,9})?",
    "5": r"\d{1,2}(?:[.,]\d{1,9})?",
    "PM": "AM|PM",
    "pm": "am|pm",
}


def in_layout(time: Time, layout: str) -> str:
    """Write a moment in a layout.

    Raises:
        ExecutionError: The layout is too long.
    """
    at = time.local()
    return _PART.sub(lambda match: _part(at, match.group()), _checked(layout))


def read_time(written: str, layout: str, zone: Zone | None) -> Time:
    """Read a moment that is written in a layout.

    Args:
        written: The moment.
        layout: How it is written.
        zone: Where it is so late, unless the text says that itself; None for UTC.

    Raises:
        ExecutionError: It is not written so, or there is no such moment.
    """
    parts: list[str] = []
    pattern, at = "", 0
    for match in _PART.finditer(_checked(layout)):
        pattern += re.escape(layout[at : match.start()])
        pattern += f"({_to_read(match.group())})"
        parts.append(match.group())
        if len({_family(part) for part in parts}) < len(parts):
            raise ExecutionError("a layout of a date names each part once")
        at = match.end()
    found = re.fullmatch(pattern + re.escape(layout[at:]), written, re.ASCII)
    if found is None:
        raise ExecutionError("the date is not written as its layout says")
    return _assembled(dict(zip(parts, found.groups(), strict=True)), zone)


def _family(part: str) -> str:
    """What a part stands for, as far as two of it would make reading ambiguous."""
    return "." if part[0] in ".," else part


def _checked(layout: str) -> str:
    if len(layout) > _MAX_LAYOUT:
        raise ExecutionError(f"a layout of a date has at most {_MAX_LAYOUT} characters")
    return layout


def _part(at: Civil, part: str) -> str:
    if part in _WRITTEN:
        return _WRITTEN[part](at)
    if part[0] in ".,":
        digits = f"{at.nanos:09d}"[: len(part) - 1]
        if part[1] == "0":
            return part[0] + digits
        digits = digits.rstrip("0")
        return part[0] + digits if digits else ""
    return _offset(at.offset, part)


def _offset(seconds: int, part: str) -> str:
    if part[0] == "Z" and not seconds:
        return "Z"
    sign, rest = "-" if seconds < 0 else "+", abs(seconds)
    between = ":" if ":" in part else ""
    pieces = [f"{rest // 3600:02d}", f"{rest // 60 % 60:02d}", f"{rest % 60:02d}"]
    return sign + between.join(pieces[: len(part.replace(":", "")) // 2])


def _to_read(part: str) -> str:
    if part in _READ:
        return _READ[part]
    if part[0] in ".,":
        return rf"[.,]\d{{{len(part) - 1}}}" if part[1] == "0" else r"(?:[.,]\d{1,9})?"
    shape = r"[+-]\d{2}" + (r":" if ":" in part else "").join(
        ["", *[r"\d{2}"] * (len(part.replace(":", "")) // 2 - 1)]
    )
    return f"Z|{shape}" if part[0] == "Z" else shape


def _assembled(found: dict[str, str], zone: Zone | None) -> Time:
    year = _first(found, "2006", default=0)
    if "06" in found and "2006" not in found:
        year = int(found["06"])
        year += 1900 if year >= _CENTURY else 2000
    month = _first(found, "01", "1", default=0) or _named(found, MONTHS, "January", "Jan") or 1
    day = _first(found, "02", "2", "_2", default=1)
    year_day = _first(found, "002", "__2", default=0)
    second = found.get("05") or found.get("5") or "0"
    seconds, nanos = _seconds(second)
    for part, value in found.items():
        if part[0] in ".,":
            nanos = _seconds("0" + value)[1]
    hour, minute = _hour(found), _first(found, "04", "4", default=0)
    in_range = month in range(1, 13) and hour in range(24) and max(minute, seconds) < 60  # noqa: PLR2004
    last = days_of(year, month + 1, 1) - days_of(year, month, 1)
    if not in_range or day not in range(1, last + 1):
        raise ExecutionError("there is no such date or time of day")
    days = days_of(year, 1, year_day) if year_day else days_of(year, month, day)
    total = days * DAY + hour * 3600 + minute * 60 + seconds
    said = _zone(found)
    if said is not None:
        return Time((total - said.offset) * SECOND + nanos, said)
    return moment(total, nanos, zone or UTC_ZONE)


def _first(found: dict[str, str], *names: str, default: int) -> int:
    return next((int(found[name]) for name in names if found.get(name)), default)


def _named(found: dict[str, str], names: tuple[str, ...], *parts: str) -> int:
    for part in parts:
        if part in found:
            return 1 + [name[: len(found[part])] for name in names].index(found[part])
    return 0


def _seconds(written: str) -> tuple[int, int]:
    before, _, after = written.replace(",", ".").partition(".")
    return int(before), int(f"{after:0<9}"[:9])


def _hour(found: dict[str, str]) -> int:
    hour = _first(found, "15", "03", "3", default=0)
    half = (found.get("PM") or found.get("pm") or "").upper()
    if half and hour in range(1, _NOON + 1):
        return hour % _NOON + (_NOON if half == "PM" else 0)
    return hour


def _zone(found: dict[str, Any]) -> Zone | None:
    label = found.get("MST", "")
    for part, value in found.items():
        if part[0] not in "Z+-":
            continue
        if value == "Z":
            return UTC_ZONE
        digits = f"{value[1:].replace(':', ''):0<6}"
        hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
        offset = hours * 3600 + minutes * 60 + seconds
        offset = -offset if value[0] == "-" else offset
        return Zone("", offset=offset, label=label) if offset else UTC_ZONE
    if label in ("", "UTC"):
        return UTC_ZONE if label else None
    return Zone("", label=label)
