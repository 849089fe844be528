"""The moments a cron expression names in a time zone.

Dates are looked for on the clock on the wall, which knows no daylight saving, and then found in time: a minute that the
clock leaves out is the next one it shows, one that it shows twice is the first of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from opcode_core.schedule.cron import CronExpression

_MINUTE = timedelta(minutes=1)
_MOST_TRIES = 5000
"""More than the minutes of a day, which is as far as a clock was ever moved."""
_WIDENING = 4


def next_after(expression: CronExpression, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """Give the next moment an expression names.

    Args:
        expression: The expression.
        zone: Where the clock hangs.
        moment: An aware time.

    Returns:
        The first moment after this one, strictly, in UTC; None when there is none before the calendar ends.
    """
    return next(moments_after(expression, zone, moment), None)


def moments_after(
    expression: CronExpression, zone: ZoneInfo, moment: datetime
) -> Iterator[datetime]:
    """Give the moments an expression names, in order, each once, in UTC.

    Args:
        expression: The expression.
        zone: Where the clock hangs.
        moment: An aware time; all are after it.
    """
    last, tries = moment, 0
    try:
        for shown in _on_the_wall(expression, moment.astimezone(zone).replace(tzinfo=None)):
            due = _in_time(shown, zone)
            tries += 1
            if due > last:
                last, tries = due, 0
                yield due
            elif tries > _MOST_TRIES:
                return
    except (OverflowError, ValueError):  # the calendar ends
        return


def latest_moments(
    expression: CronExpression, zone: ZoneInfo, first: datetime, last: datetime, most: int
) -> list[datetime]:
    """Give the latest moments an expression names in a span of time, however long that is.

    It looks at the end of the span and widens that, so that a year of minutes costs no more than the last of them.

    Args:
        expression: The expression.
        zone: Where the clock hangs.
        first: Where the span begins; a moment that is exactly then counts.
        last: Where it ends; a moment that is exactly then counts.
        most: How many are wanted at most.
    """
    length = most * _MINUTE
    while True:
        begin = max(first, last - length)
        found = []
        for moment in moments_after(expression, zone, begin - timedelta(microseconds=1)):
            if moment > last:
                break
            found.append(moment)
        if len(found) >= most or begin == first:
            return found[-most:]
        length *= _WIDENING


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
