"""The moments a cron expression names in a time zone.

Dates are looked for on the clock on the wall, which knows no daylight saving, and then found in time: a minute that the
clock leaves out is the next one it shows, one that it shows twice is the first of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from opcode_core.schedule.cron import CronExpression

_MINUTE = timedelta(minutes=1)
_MOST_TRIES = 5000
"""More than the minutes of a day, which is as far as a clock was ever moved."""


def next_after(expression: CronExpression, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """Give the next moment an expression names.

    Args:
        expression: The expression.
        zone: Where the clock hangs.
        moment: An aware time.

    Returns:
        The first moment after this one, strictly, in UTC; None when there is none before the calendar ends.
    """
    try:
        local = moment.astimezone(zone).replace(tzinfo=None)
        for shown in islice(_on_the_wall(expression, local), _MOST_TRIES):
            due = _in_time(shown, zone)
            if due > moment:
                return due
    except (OverflowError, ValueError):  # the calendar ends
        pass
    return None


def _on_the_wall(expression: CronExpression, local: datetime) -> Iterator[datetime]:
    """What the clock shows when it is time, from a time on; ends in a `ValueError`."""
    from croniter import croniter

    dates = croniter(_plain(expression), local)
    while True:
        yield dates.get_next(datetime)


def _plain(expression: CronExpression) -> str:
    """The expression as lists of numbers, which have one meaning only."""
    return " ".join(
        "*" if values is None else ",".join(map(str, sorted(values)))
        for values in (
            expression.minutes,
            expression.hours,
            expression.days,
            expression.months,
            expression.weekdays,
        )
    )


def _in_time(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which a clock first shows a minute, or the next that it shows."""
    while True:
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == local:
            return moment
        local += _MINUTE
