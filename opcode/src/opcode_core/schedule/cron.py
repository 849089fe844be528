"""Cron expressions: five fields or a name such as `@daily`, read strictly.

What one implementation takes and another does not (seconds, `5/15`, ranges that run backwards, steps larger than their
field, `L`, `W`, `#`, `?`) is refused with what to write instead, so that an expression means what its author thinks.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass

from opcode_core.suggest import did_you_mean

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MAX_LENGTH = 256
"""How many characters an expression may have."""

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS = {
    name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
}
_DAYS_OF_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ITEM = re.compile(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/([0-9]+))?")
_NUMBER = re.compile(r"[0-9]{1,9}")
_EXTENSION = re.compile(r"[lwhr]|lw|[lhr][0-9(].*|[0-9]+[lw]|[a-z0-9]+#.*")
_SHOWN = 40
_SUNDAY = 7


class CronError(ValueError):
    """An expression that is none.

    Args:
        message: What is wrong and, where that is known, what to write instead.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class CronExpression:
    """A cron expression.

    Attributes:
        text: As written.
        minutes: 0 to 59.
        hours: 0 to 23.
        days: 1 to 31; None for every day, where only the weekday decides.
        months: 1 to 12.
        weekdays: 0 to 6, from Sunday; None for every day, where only the day of the month decides. With both given, a
            day that is one of either is meant, as in every cron.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five.

    Attributes:
        name: What messages call it.
        low: Its smallest value.
        high: Its largest value.
        names: Words for values.
        most: The largest value that may be written, where that is one more: 7 is Sunday too.
    """

    name: str
    low: int
    high: int
    names: dict[str, int]
    most: int

    def text(self, value: int, like: str) -> str:
        """A value as a name, if this other one is written so."""
        words = [word for word, number in self.names.items() if number == value]
        return words[0] if words and like in self.names else str(value)


_FIELDS = (
    _Field("minute", 0, 59, {}, 59),
    _Field("hour", 0, 23, {}, 23),
    _Field("day of the month", 1, 31, {}, 31),
    _Field("month", 1, 12, _MONTHS, 12),
    _Field("weekday", 0, 6, _WEEKDAYS, _SUNDAY),
)
_WANTED = "five fields are wanted: minute, hour, day of the month, month, weekday"


def parse_cron(text: str) -> CronExpression:
    """Read an expression.

    Args:
        text: Five fields, or one of the names in `ALIASES`, in letters of any case.

    Raises:
        CronError: It is no such expression, or names no date there is.
    """
    if len(text) > MAX_LENGTH:
        raise CronError(f"a cron expression has at most {MAX_LENGTH} characters")
    words = text.lower().split()
    if words and words[0].startswith("@"):
        words = _alias(words).split()
    if len(words) != len(_FIELDS):
        raise CronError(_wrong_number(words))
    minutes, hours, days, months, weekdays = (
        _values(field, word) for field, word in zip(_FIELDS, words, strict=True)
    )
    expression = CronExpression(
        text,
        minutes,
        hours,
        None if words[2] in ("*", "*/1") else days,
        months,
        None if words[4] in ("*", "*/1") else frozenset(day % _SUNDAY for day in weekdays),
    )
    _check_dates(expression)
    return expression


def _alias(words: list[str]) -> str:
    name = words[0]
    if name == "@reboot":
        raise CronError("`@reboot` is no time: nothing is started by a start of the server")
    if name == "@every":
        raise CronError("`@every` is not supported: every five minutes is `*/5 * * * *`")
    if name not in ALIASES or len(words) > 1:
        known = ", ".join(f"`{alias}`" for alias in ALIASES)
        shown = " ".join(words)[:_SHOWN]
        raise CronError(f"`{shown}` is none of {known}{did_you_mean(name, ALIASES)}")
    return ALIASES[name]


def _wrong_number(words: list[str]) -> str:
    if len(words) > len(_FIELDS):
        return f"{_WANTED}; found {len(words)}, and neither seconds nor years are supported"
    return f"{_WANTED}; found {len(words) or 'nothing'}"


def _values(field: _Field, word: str) -> frozenset[int]:
    found: set[int] = set()
    for item in word.split(","):
        found.update(_item(field, item))
    return frozenset(found)


def _item(field: _Field, item: str) -> range:
    found = _ITEM.fullmatch(item)
    if found is None:
        raise CronError(_strange(field, item))
    first, last, step = found.groups()
    if first == "*":
        if last is not None:
            raise CronError(_strange(field, item))
        low, high = field.low, field.high
    else:
        low = _value(field, first)
        high = low if last is None else _value(field, last)
        if step is not None and last is None:
            whole = f"{first}-{field.text(field.high, first)}/{step}"
            raise CronError(f"{field.name}: `{item}` is unclear: write `{whole}`")
        if high == 0 < low and field.most == _SUNDAY:
            high = _SUNDAY  # mon-sun
    if high < low:
        two = f"{first}-{field.text(field.high, first)},{field.text(field.low, first)}-{last}"
        raise CronError(f"{field.name}: `{item}` runs backwards: write `{two}`")
    return range(low, high + 1, _step(field, step))


def _value(field: _Field, word: str) -> int:
    if word in field.names:
        return field.names[word]
    if _NUMBER.fullmatch(word) is None:
        raise CronError(_strange(field, word) + did_you_mean(word, field.names))
    value = int(word)
    if not field.low <= value <= field.most:
        raise CronError(f"{field.name}: {value} is not between {field.low} and {field.most}")
    return value


def _step(field: _Field, step: str | None) -> int:
    if step is None:
        return 1
    if _NUMBER.fullmatch(step) is None or not 1 <= int(step) <= field.high:
        shown = step[:_SHOWN]
        raise CronError(f"{field.name}: a step is between 1 and {field.high}, `/{shown}` is not")
    return int(step)


def _strange(field: _Field, word: str) -> str:
    """What to say about something that is no item of a field."""
    shown = f"{field.name}: `{word[:_SHOWN]}`"
    if word == "?":
        return f"{shown} is written `*` here"
    if not word:
        return f"{field.name}: something is missing beside a comma"
    if _EXTENSION.fullmatch(word):
        return f"{shown}: `L`, `W`, `#`, `H` and `R` are extensions that are not supported"
    words = f", {', '.join(field.names)}" if field.names else ""
    return f"{shown} is no number from {field.low} to {field.most}{words}, list, range, step or `*`"


def _check_dates(expression: CronExpression) -> None:
    if expression.days is None or expression.weekdays is not None:
        return
    months = sorted(expression.months)
    if min(expression.days) > max(_DAYS_OF_MONTHS[month - 1] for month in months):
        days = " or ".join(map(str, sorted(expression.days)))
        shown = " or ".join(calendar.month_name[month] for month in months)
        raise CronError(f"no date ever: there is no day {days} in {shown}")
