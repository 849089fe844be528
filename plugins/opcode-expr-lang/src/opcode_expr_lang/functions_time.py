"""Functions of dates and durations."""

from __future__ import annotations

import time
from typing import Any

from opcode_core import ExecutionError

from opcode_expr_lang.frame import Frame, check_time
from opcode_expr_lang.time_layout import read_time
from opcode_expr_lang.times import UTC_ZONE, Duration, Time, Zone, find_zone, read_duration
from opcode_expr_lang.values import a_kind, text

_LAYOUTS = (
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
)
"""How a date may be written when no layout is given."""
_WITH_LAYOUT, _WITH_ZONE = 2, 3
_MAX_WRITTEN = 400


def now(_: Frame, zone: Any = UTC_ZONE) -> Time:
    """`now`: in UTC, or in the zone given."""
    if not isinstance(zone, Zone):
        raise ExecutionError(f"`now` takes nothing or a time zone, not {a_kind(zone)}")
    return Time(time.time_ns(), zone)


def to_duration(_: Frame, value: Any) -> Duration:
    """`duration`."""
    return read_duration(text(value, "duration"))


def timezone(_: Frame, value: Any) -> Zone:
    """`timezone`."""
    return find_zone(text(value, "timezone"))


def date(frame: Frame, *values: Any) -> Time:
    """`date(text, layout, zone)`; a zone may also stand in front."""
    check_time(frame)
    zone: Zone | None = None
    if isinstance(values[0], Zone):
        zone, *rest = values
    else:
        rest = list(values)
    written, *how = [text(value, "date") for value in rest] or [""]
    if not rest or len(rest) > _WITH_ZONE:
        raise ExecutionError("`date` takes a text, and then a layout and the name of a time zone")
    if len(written) > _MAX_WRITTEN:
        raise ExecutionError("the text is too long for a date")
    if len(rest) == _WITH_ZONE:
        zone = find_zone(how[1])
    if len(rest) >= _WITH_LAYOUT:
        return read_time(written, how[0], zone)
    for layout in _LAYOUTS:
        try:
            return read_time(written, layout, zone)
        except ExecutionError:
            continue
    raise ExecutionError(
        "the text is no date as in 2023-08-14, 2023-08-14 10:00:00 or 2023-08-14T10:00:00Z; "
        "give a layout as second argument, such as 02.01.2006"
    )
