"""Cron expressions: what is read, what is refused with which words, and when something is due."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st
from opcode_core.schedule.cron import ALIASES, CronError, CronExpression, parse_cron
from opcode_core.schedule.due import next_after
from opcode_core.schedule.zones import UnknownZoneError, find_zone

ALL_MINUTES, ALL_HOURS, ALL_MONTHS = set(range(60)), set(range(24)), set(range(1, 13))
MADRID, NEW_YORK = "Europe/Madrid", "America/New_York"


@pytest.mark.parametrize(
    ("text", "minutes", "hours", "days", "months", "weekdays"),
    [
        ("* * * * *", ALL_MINUTES, ALL_HOURS, None, ALL_MONTHS, None),
        ("0 9 * * *", {0}, {9}, None, ALL_MONTHS, None),
        ("0,30 9 * * *", {0, 30}, {9}, None, ALL_MONTHS, None),
        ("0-5 9 * * *", {0, 1, 2, 3, 4, 5}, {9}, None, ALL_MONTHS, None),
        ("*/15 9 * * *", {0, 15, 30, 45}, {9}, None, ALL_MONTHS, None),
        ("*/59 9 * * *", {0, 59}, {9}, None, ALL_MONTHS, None),
        ("*/1 */1 */1 */1 */1", ALL_MINUTES, ALL_HOURS, None, ALL_MONTHS, None),
        ("10-30/10 9 * * *", {10, 20, 30}, {9}, None, ALL_MONTHS, None),
        ("1,2,5-7,*/30 9 * * *", {0, 1, 2, 5, 6, 7, 30}, {9}, None, ALL_MONTHS, None),
        ("5-5 5-5 5-5 5-5 5-5", {5}, {5}, {5}, {5}, {5}),
        ("00 09 01 02 03", {0}, {9}, {1}, {2}, {3}),
        ("0 */6 * * *", {0}, {0, 6, 12, 18}, None, ALL_MONTHS, None),
        ("0 0 1,15 * *", {0}, {0}, {1, 15}, ALL_MONTHS, None),
        ("0 0 1-31 * 1", {0}, {0}, set(range(1, 32)), ALL_MONTHS, {1}),
        ("0 0 */2 * *", {0}, {0}, set(range(1, 32, 2)), ALL_MONTHS, None),
        ("0 0 29 2 *", {0}, {0}, {29}, {2}, None),
        ("0 0 30,31 1-2 *", {0}, {0}, {30, 31}, {1, 2}, None),
        ("0 0 31 2 1", {0}, {0}, {31}, {2}, {1}),
        ("0 0 * jan *", {0}, {0}, None, {1}, None),
        ("0 0 * JAN-MAR,Dec *", {0}, {0}, None, {1, 2, 3, 12}, None),
        ("0 0 * 1-12/3 *", {0}, {0}, None, {1, 4, 7, 10}, None),
        ("0 0 * * 0", {0}, {0}, None, ALL_MONTHS, {0}),
        ("0 0 * * 7", {0}, {0}, None, ALL_MONTHS, {0}),
        ("0 0 * * sun", {0}, {0}, None, ALL_MONTHS, {0}),
        ("0 0 * * MON-FRI", {0}, {0}, None, ALL_MONTHS, {1, 2, 3, 4, 5}),
        ("0 0 * * fri-sun", {0}, {0}, None, ALL_MONTHS, {5, 6, 0}),
        ("0 0 * * 5-7", {0}, {0}, None, ALL_MONTHS, {5, 6, 0}),
        ("0 0 * * 5-0", {0}, {0}, None, ALL_MONTHS, {5, 6, 0}),
        ("0 0 * * sun-tue", {0}, {0}, None, ALL_MONTHS, {0, 1, 2}),
        ("0 0 * * 0-7", {0}, {0}, None, ALL_MONTHS, set(range(7))),
        ("0 0 * * */2", {0}, {0}, None, ALL_MONTHS, {0, 2, 4, 6}),
        ("0 0 * * 1-5/2", {0}, {0}, None, ALL_MONTHS, {1, 3, 5}),
        ("  0\t9  * *\n* ", {0}, {9}, None, ALL_MONTHS, None),
        ("30 6 * JAN-MAR MON-FRI", {30}, {6}, None, {1, 2, 3}, {1, 2, 3, 4, 5}),
        ("@daily", {0}, {0}, None, ALL_MONTHS, None),
        ("@midnight", {0}, {0}, None, ALL_MONTHS, None),
        (" @Hourly ", {0}, ALL_HOURS, None, ALL_MONTHS, None),
        ("@weekly", {0}, {0}, None, ALL_MONTHS, {0}),
        ("@monthly", {0}, {0}, {1}, ALL_MONTHS, None),
        ("@yearly", {0}, {0}, {1}, {1}, None),
        ("@annually", {0}, {0}, {1}, {1}, None),
    ],
)  # fmt: skip
def test_what_is_read(
    text: str,
    minutes: set[int],
    hours: set[int],
    days: set[int] | None,
    months: set[int],
    weekdays: set[int] | None,
) -> None:
    found = parse_cron(text)
    assert found == CronExpression(
        text,
        frozenset(minutes),
        frozenset(hours),
        None if days is None else frozenset(days),
        frozenset(months),
        None if weekdays is None else frozenset(weekdays),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found nothing"),
        ("   ", "found nothing"),
        ("*", "found 1"),
        ("* * * *", "five fields are wanted: minute, hour, day of the month, month, weekday; found 4"),
        ("30 0 9 * * *", "found 6, and neither seconds nor years are supported"),
        ("0 0 9 * * * 2027", "found 7, and neither seconds nor years"),
        ("60 * * * *", "minute: 60 is not between 0 and 59"),
        ("61 * * * *", "minute: 61 is not between 0 and 59"),
        ("0 24 * * *", "hour: 24 is not between 0 and 23"),
        ("0 0 0 * *", "day of the month: 0 is not between 1 and 31"),
        ("0 0 32 * *", "day of the month: 32 is not between 1 and 31"),
        ("0 0 * 0 *", "month: 0 is not between 1 and 12"),
        ("0 0 * 13 *", "month: 13 is not between 1 and 12"),
        ("0 0 * * 8", "weekday: 8 is not between 0 and 7"),
        ("0 0 * * 5-8", "weekday: 8 is not between 0 and 7"),
        ("999999999 * * * *", "999999999 is not between"),
        ("9999999999 * * * *", "is no number from 0 to 59"),
        ("5-1 * * * *", "minute: `5-1` runs backwards: write `5-59,0-1`"),
        ("0 22-4 * * *", "hour: `22-4` runs backwards: write `22-23,0-4`"),
        ("0 0 28-3 * *", "day of the month: `28-3` runs backwards: write `28-31,1-3`"),
        ("0 0 * nov-feb *", "month: `nov-feb` runs backwards: write `nov-dec,jan-feb`"),
        ("0 0 * 11-2 *", "month: `11-2` runs backwards: write `11-12,1-2`"),
        ("0 0 * * fri-mon", "weekday: `fri-mon` runs backwards: write `fri-sat,sun-mon`"),
        ("0 0 * * 7-1", "weekday: `7-1` runs backwards"),
        ("*/61 * * * *", "minute: a step is between 1 and 59, `/61` is not"),
        ("*/60 * * * *", "minute: a step is between 1 and 59"),
        ("*/0 * * * *", "minute: a step is between 1 and 59, `/0` is not"),
        ("0 */24 * * *", "hour: a step is between 1 and 23"),
        ("0 0 */32 * *", "day of the month: a step is between 1 and 31"),
        ("0 0 * */13 *", "month: a step is between 1 and 12"),
        ("0 0 * * */7", "weekday: a step is between 1 and 6"),
        ("1-5/99999999999 * * * *", "a step is between 1 and 59"),
        ("5/15 * * * *", "minute: `5/15` is unclear: write `5-59/15`"),
        ("0 0 * jan/2 *", "month: `jan/2` is unclear: write `jan-dec/2`"),
        ("0 0 * * 1/2", "weekday: `1/2` is unclear: write `1-6/2`"),
        ("*/-5 * * * *", "`*/-5` is no number"),
        ("*/a * * * *", "`*/a` is no number"),
        ("*-5 * * * *", "`*-5` is no number"),
        ("1- * * * *", "`1-` is no number"),
        ("-1 * * * *", "`-1` is no number"),
        ("1--5 * * * *", "`1--5` is no number"),
        ("1-5-9 * * * *", "`1-5-9` is no number"),
        ("*/5/5 * * * *", "`*/5/5` is no number"),
        ("** * * * *", "`**` is no number"),
        ("1.5 * * * *", "`1.5` is no number"),
        ("+1 * * * *", "`+1` is no number"),
        ("1_0 * * * *", "`1_0` is no number"),
        ("0x1 * * * *", "`0x1` is no number"),
        ("٣ * * * *", "`٣` is no number"),
        ("², * * * *", "is no number"),
        ("1,,2 * * * *", "minute: something is missing beside a comma"),
        ("1, * * * *", "minute: something is missing beside a comma"),
        (", * * * *", "minute: something is missing beside a comma"),
        ("jan * * * *", "minute: `jan` is no number from 0 to 59"),
        ("0 0 * mon *", "month: `mon` is no number from 1 to 12, jan, feb"),
        ("0 0 * janu *", "did you mean `jan`?"),
        ("0 0 * * mond", "did you mean `mon`?"),
        ("0 0 * january *", "month: `january` is no number"),
        ("0 0 ? * 1", "day of the month: `?` is written `*` here"),
        ("0 0 1 * ?", "weekday: `?` is written `*` here"),
        ("0 0 L * *", "extensions that are not supported"),
        ("0 0 LW * *", "extensions that are not supported"),
        ("0 0 L-3 * *", "extensions that are not supported"),
        ("0 0 15W * *", "extensions that are not supported"),
        ("0 0 * * 5L", "extensions that are not supported"),
        ("0 0 * * L5", "extensions that are not supported"),
        ("0 0 * * 5#2", "extensions that are not supported"),
        ("0 0 * * fri#2", "extensions that are not supported"),
        ("H * * * *", "extensions that are not supported"),
        ("H(0-29) * * * *", "extensions that are not supported"),
        ("R * * * *", "extensions that are not supported"),
        ("0 0 31 2 *", "no date ever: there is no day 31 in February"),
        ("0 0 30 2 *", "no date ever: there is no day 30 in February"),
        ("0 0 30,31 feb *", "there is no day 30 or 31 in February"),
        ("0 0 31 4,6 *", "no date ever: there is no day 31 in April or June"),
        ("0 0 31 2 */1", "no date ever"),
        ("@dialy", "did you mean `@daily`?"),
        ("@", "is none of `@yearly`"),
        ("@daily 5", "`@daily 5` is none of"),
        ("@daily * * * *", "is none of `@yearly`"),
        ("@every 5m", "every five minutes is `*/5 * * * *`"),
        ("@reboot", "is no time"),
        ("0 0 * * @daily", "is no number"),
        ("* * * * * " * 60, "at most 256 characters"),
        ("TZ=UTC 0 9 * * *", "found 6"),
    ],
)  # fmt: skip
def test_what_is_refused_and_what_is_said(text: str, words: str) -> None:
    with pytest.raises(CronError) as caught:
        parse_cron(text)
    assert words in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Mars/Olympus", None), ("europe/madrid", MADRID), ("Europe/Madird", MADRID), ("Madrid", MADRID),
        ("utc", "UTC"), ("new york", NEW_YORK), ("Europe", None), ("", None), ("../UTC", None), ("localtime", None),
        ("/etc/localtime", None), ("posix/UTC", None), ("right/UTC", None), ("a\0b", None), ("x" * 10_000, None),
        ("Europe/Madrid/", MADRID), (".", None), ("\ud800", None),
    ],
)  # fmt: skip
def test_unknown_zones(name: str, meant: str | None) -> None:
    with pytest.raises(UnknownZoneError) as caught:
        find_zone(name)
    assert caught.value.meant == meant
    assert len(caught.value.message) < 100


def test_known_zones() -> None:
    for name in ("UTC", MADRID, NEW_YORK, "Asia/Kathmandu", "EST", "Etc/GMT+12"):
        assert find_zone(name).key == name


def due(text: str, zone: str, after: str, count: int) -> list[str]:
    """The next moments, as the clock on the wall shows them, with its offset."""
    clock = find_zone(zone)
    moment = datetime.fromisoformat(after)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=clock)
    shown = []
    for _ in range(count):
        found = next_after(parse_cron(text), clock, moment)
        assert found is not None
        assert found > moment
        assert found.tzinfo is UTC
        moment = found
        shown.append(moment.astimezone(clock).strftime("%m-%d %H:%M%z"))
    return shown


@pytest.mark.parametrize(
    ("zone", "text", "after", "expected"),
    [
        # the hour that is left out: 29 March in Madrid 02:00 -> 03:00, 8 March in New York
        (MADRID, "30 2 * * *", "2026-03-27T12:00", ["03-28 02:30+0100", "03-29 03:00+0200", "03-30 02:30+0200"]),
        (MADRID, "0 2 * * *", "2026-03-28T12:00", ["03-29 03:00+0200", "03-30 02:00+0200"]),
        (MADRID, "0 3 * * *", "2026-03-28T12:00", ["03-29 03:00+0200", "03-30 03:00+0200"]),
        (MADRID, "0,30 2,3 * * *", "2026-03-28T12:00", ["03-29 03:00+0200", "03-29 03:30+0200", "03-30 02:00+0200"]),
        (MADRID, "59 1 * * *", "2026-03-28T12:00", ["03-29 01:59+0100", "03-30 01:59+0200"]),
        (MADRID, "*/20 * * * *", "2026-03-29T01:30", ["03-29 01:40+0100", "03-29 03:00+0200", "03-29 03:20+0200"]),
        (MADRID, "@hourly", "2026-03-29T00:30", ["03-29 01:00+0100", "03-29 03:00+0200", "03-29 04:00+0200"]),
        (MADRID, "30 2 29 3 *", "2026-01-01T00:00", ["03-29 03:00+0200", "03-29 02:30+0200"]),
        (NEW_YORK, "30 2 * * *", "2026-03-07T12:00", ["03-08 03:00-0400", "03-09 02:30-0400"]),
        (NEW_YORK, "15 2 * * 0", "2026-03-01T12:00", ["03-08 03:00-0400", "03-15 02:15-0400"]),
        (NEW_YORK, "*/30 1-3 * * *", "2026-03-08T01:00", ["03-08 01:30-0500", "03-08 03:00-0400", "03-08 03:30-0400"]),
        # the hour that comes twice: 25 October in Madrid 03:00 -> 02:00, 1 November in New York
        (MADRID, "30 2 * * *", "2026-10-24T12:00", ["10-25 02:30+0200", "10-26 02:30+0100"]),
        (MADRID, "0 2 * * *", "2026-10-24T12:00", ["10-25 02:00+0200", "10-26 02:00+0100"]),
        (MADRID, "0 3 * * *", "2026-10-24T12:00", ["10-25 03:00+0100", "10-26 03:00+0100"]),
        (MADRID, "59 1,2 * * *", "2026-10-24T12:00", ["10-25 01:59+0200", "10-25 02:59+0200", "10-26 01:59+0100"]),
        (MADRID, "*/30 * * * *", "2026-10-25T01:30", ["10-25 02:00+0200", "10-25 02:30+0200", "10-25 03:00+0100"]),
        (MADRID, "@hourly", "2026-10-25T01:30", ["10-25 02:00+0200", "10-25 03:00+0100", "10-25 04:00+0100"]),
        (MADRID, "30 2 * * *", "2026-10-25T02:10+01:00", ["10-26 02:30+0100"]),
        (MADRID, "* * * * *", "2026-10-25T02:10+01:00", ["10-25 03:00+0100"]),
        (NEW_YORK, "30 1 * * *", "2026-10-31T12:00", ["11-01 01:30-0400", "11-02 01:30-0500"]),
        (NEW_YORK, "0 2 * * *", "2026-10-31T12:00", ["11-01 02:00-0500", "11-02 02:00-0500"]),
        # elsewhere
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00", ["10-04 02:30+1100", "10-05 02:15+1100"]),
        ("Pacific/Apia", "0 9 * * *", "2011-12-28T12:00", ["12-29 09:00-1000", "12-31 00:00+1400", "12-31 09:00+1400"]),
        ("Asia/Kathmandu", "0 9 * * *", "2026-01-01T00:00", ["01-01 09:00+0545"]),
        ("UTC", "0 9 * * MON-FRI", "2026-11-27T09:00", ["11-30 09:00+0000", "12-01 09:00+0000"]),
        ("UTC", "0 9 * * *", "2026-11-27T08:59:59.999999", ["11-27 09:00+0000"]),
        ("UTC", "0 9 * * *", "2026-11-27T09:00:30", ["11-28 09:00+0000"]),
        ("UTC", "0 0 29 2 *", "2026-01-01T00:00", ["02-29 00:00+0000", "02-29 00:00+0000"]),
        ("UTC", "0 0 13 * fri", "2026-11-01T00:00", ["11-06 00:00+0000", "11-13 00:00+0000", "11-20 00:00+0000"]),
        ("UTC", "0 0 29 2 mon", "2027-02-20T00:00", ["02-22 00:00+0000", "02-07 00:00+0000"]),
        ("UTC", "0 0 31 * *", "2026-11-01T00:00", ["12-31 00:00+0000", "01-31 00:00+0000", "03-31 00:00+0000"]),
        ("UTC", "59 23 31 12 *", "2026-12-31T23:59", ["12-31 23:59+0000"]),
        ("UTC", "@weekly", "2026-11-27T00:00", ["11-29 00:00+0000"]),
    ],
)  # fmt: skip
def test_when_it_is_due(zone: str, text: str, after: str, expected: list[str]) -> None:
    assert due(text, zone, after, len(expected)) == expected


def test_where_the_calendar_ends() -> None:
    last = datetime(9999, 12, 31, 23, 58, tzinfo=UTC)
    for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        assert next_after(parse_cron("0 0 1 1 *"), find_zone(zone), last) is None
    assert (
        next_after(parse_cron("* * * * *"), find_zone("UTC"), datetime.max.replace(tzinfo=UTC))
        is None
    )
    leap = next_after(parse_cron("0 0 29 2 *"), find_zone("UTC"), datetime(1896, 3, 1, tzinfo=UTC))
    assert leap == datetime(1904, 2, 29, tzinfo=UTC)


def matches(expression: CronExpression, local: datetime) -> bool:
    weekday = local.isoweekday() % 7
    days, weekdays = expression.days, expression.weekdays
    if days is not None and weekdays is not None:
        day = local.day in days or weekday in weekdays
    else:
        day = (days is None or local.day in days) and (weekdays is None or weekday in weekdays)
    return (
        day
        and local.minute in expression.minutes
        and local.hour in expression.hours
        and local.month in expression.months
    )


def field(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    span = st.tuples(value, value).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, high).map(lambda step: f"*/{step}")
    item = st.one_of(value.map(str), span, step)
    return st.one_of(st.just("*"), st.lists(item, min_size=1, max_size=3).map(",".join))


EXPRESSIONS = st.tuples(
    field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)
).map(" ".join)  # fmt: skip
MOMENTS = st.integers(631_152_000, 2_114_380_800).map(lambda at: datetime.fromtimestamp(at, UTC))
ZONES = st.sampled_from(
    ["UTC", MADRID, NEW_YORK, "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]
)  # fmt: skip


@settings(deadline=None)
@given(EXPRESSIONS, ZONES, MOMENTS)
def test_the_next_moment_is_later_matches_and_nothing_is_left_out(
    text: str, zone: str, moment: datetime
) -> None:
    expression, clock = parse_cron(text), find_zone(zone)
    found = next_after(expression, clock, moment)
    assert found is not None
    assert found > moment
    assert found.second == found.microsecond == 0
    local = found.astimezone(clock)
    assert matches(expression, local) or _was_left_out_before(expression, local, clock)
    minute = moment.replace(second=0, microsecond=0)
    for _ in range(180):  # nothing between the two, as far as we look
        minute += timedelta(minutes=1)
        if minute >= found:
            break
        here = minute.astimezone(clock)
        assert here.fold or not matches(expression, here)


def _was_left_out_before(expression: CronExpression, local: datetime, clock: ZoneInfo) -> bool:
    """Whether the clock jumped to this time over one that matches."""
    before = local.astimezone(UTC) - timedelta(minutes=1)
    shown = before.astimezone(clock).replace(tzinfo=None)
    skipped = shown + timedelta(minutes=1)
    while skipped < local.replace(tzinfo=None):
        if matches(expression, skipped):
            return True
        skipped += timedelta(minutes=1)
    return False


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0159*/-,@?#LWHjanmonsu \t", max_size=30) | st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        expression = parse_cron(text)
    except CronError as error:
        message = error.message
    else:
        message = ""
        assert expression.minutes
        assert next_after(expression, find_zone("UTC"), datetime(2026, 11, 27, tzinfo=UTC))
    assert bool(message) or text.strip().lower() in ALIASES or len(text.split()) == 5


def test_the_library_is_loaded_by_the_first_date_only() -> None:
    program = (
        "import sys; from opcode_core.schedule.cron import parse_cron; from opcode_core.schedule import due, zones;"
        "parse_cron('0 9 * * *'); zones.find_zone('Europe/Madrid'); sys.exit('croniter' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
