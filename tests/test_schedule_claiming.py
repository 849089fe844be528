"""What comes of a job whose time has come: missed and overlapping runs, daylight saving, clocks that were set."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from opcode_core.schedule.claiming import MOST_MISSED, Busy, claim_due
from opcode_core.schedule.cron import parse_cron
from opcode_core.schedule.due import latest_moments, moments_after
from opcode_core.schedule.jobs import Claim, Job, as_micros, as_moment, next_due, planned_jobs
from opcode_core.schedule.zones import find_zone

NEW_YORK = "America/New_York"
RUNS, WAITS = Busy(runs=True), Busy(runs=True, waits=True)


def micros(text: str) -> int:
    return as_micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


def times(claim: Claim) -> list[str]:
    return [as_moment(run.due or 0).isoformat()[5:16] for run in claim.runs]


def decide(
    next_run: str,
    now: str,
    busy: Busy = Busy(),  # noqa: B008 - frozen
    *,
    expression: str = "*/5 * * * *",
    zone: str = "UTC",
    missed: Any = "once",
    overlap: Any = "skip",
) -> Claim:
    job = Job("j", "t", "n", expression, zone, {}, missed, overlap, "ann", micros(next_run))
    ids = (f"w{number}" for number in itertools.count())
    claim = claim_due(job, micros(now), busy, lambda: next(ids))
    assert claim.next_run is not None
    assert claim.next_run > micros(now)
    assert 0 <= claim.starts <= len(claim.runs)
    return claim


@pytest.mark.parametrize("missed", ["once", "skip", "all"])
@pytest.mark.parametrize("overlap", ["skip", "allow", "queue"])
@pytest.mark.parametrize(
    "now", ["2026-03-01T00:05", "2026-03-01T00:05:00.2", "2026-03-01T00:05:59"]
)
def test_on_time_it_runs_once_whatever_the_policies(missed: str, overlap: str, now: str) -> None:
    claim = decide("2026-03-01T00:05", now, missed=missed, overlap=overlap)
    assert (times(claim), claim.starts) == (["03-01T00:05"], 1)
    assert [run.missed for run in claim.runs] == [False]
    assert claim.next_run == micros("2026-03-01T00:10")


@pytest.mark.parametrize(("missed", "count"), [("once", 1), ("skip", 0), ("all", 36)])
def test_three_hours_down(missed: str, count: int) -> None:
    """F54: every five minutes, three hours down."""
    claim = decide("2026-03-01T00:05", "2026-03-01T03:01:30", missed=missed)
    assert len(claim.runs) == count
    assert claim.next_run == micros("2026-03-01T03:05")
    assert times(claim)[-1:] == ([] if missed == "skip" else ["03-01T03:00"])


def test_what_is_on_time_is_the_one_run_and_is_not_skipped() -> None:
    for missed, count in (("once", 1), ("skip", 1), ("all", 36)):
        claim = decide("2026-03-01T00:05", "2026-03-01T03:00:20", missed=missed)
        assert len(claim.runs) == count
        assert [run.missed for run in claim.runs[-1:]] == [False]


def test_all_are_at_most_a_hundred_the_latest() -> None:
    claim = decide("2026-01-01T00:00", "2026-12-31T12:00:30", expression="* * * * *", missed="all")
    assert len(claim.runs) == MOST_MISSED
    assert times(claim)[0] == "12-31T10:21"
    assert times(claim)[-1] == "12-31T12:00"


def test_missed_runs_begin_one_after_the_other_unless_they_may_overlap() -> None:
    for overlap, starts in (("skip", 1), ("queue", 1), ("allow", 36)):
        claim = decide("2026-03-01T00:05", "2026-03-01T03:01:30", missed="all", overlap=overlap)
        assert (len(claim.runs), claim.starts) == (36, starts)


@pytest.mark.parametrize(
    ("overlap", "busy", "runs", "starts"),
    [
        ("skip", RUNS, 0, 0),
        ("skip", WAITS, 0, 0),
        ("allow", RUNS, 1, 1),
        ("allow", WAITS, 1, 1),
        ("queue", RUNS, 1, 0),
        ("queue", WAITS, 0, 0),
    ],
)
def test_while_the_run_before_is_not_over(overlap: str, busy: Busy, runs: int, starts: int) -> None:
    claim = decide("2026-03-01T00:05", "2026-03-01T00:05", busy, overlap=overlap)
    assert (len(claim.runs), claim.starts) == (runs, starts)


def test_missed_runs_wait_behind_one_that_went_on_after_the_restart() -> None:
    claim = decide("2026-03-01T00:05", "2026-03-01T00:21:30", RUNS, missed="all", overlap="skip")
    assert (len(claim.runs), claim.starts) == (4, 0)
    claim = decide("2026-03-01T00:05", "2026-03-01T00:21:30", RUNS, missed="once", overlap="skip")
    assert claim.runs == ()


def test_a_clock_that_goes_back_repeats_nothing() -> None:
    """F51: the due time that was taken is behind `next_run`, and `next_run` only goes forward."""
    claim = decide("2026-03-02T09:00", "2026-03-02T09:00:01", expression="0 9 * * *")
    again = Job("j", "t", "n", "0 9 * * *", "UTC", {}, "once", "skip", "ann", claim.next_run)
    assert claim.next_run == micros("2026-03-03T09:00")
    back = claim_due(again, micros("2026-03-01T09:00:30"), Busy(), lambda: "w")
    assert back.runs == ()


@pytest.mark.parametrize(
    ("expression", "begin", "due"),
    [
        ("30 2 * * *", "2026-03-08T05:00", ["2026-03-08T07:00", "2026-03-09T06:30"]),
        ("30 1 * * *", "2026-11-01T04:00", ["2026-11-01T05:30", "2026-11-02T06:30"]),
    ],
)
def test_daylight_saving_in_new_york(expression: str, begin: str, due: list[str]) -> None:
    """F52: half past two on the day that leaves it out is three; half past one that comes twice is once."""
    first = next_due(expression, NEW_YORK, micros(begin))
    assert first == micros(due[0])
    claim = decide(due[0], due[0], expression=expression, zone=NEW_YORK)
    assert [run.due for run in claim.runs] == [micros(due[0])]
    assert claim.next_run == micros(due[1])
    late = decide(
        due[0], due[1][:10] + "T06:00", expression=expression, zone=NEW_YORK, missed="all"
    )
    assert [run.due for run in late.runs] == [micros(due[0])]


MINUTES = st.integers(0, 400 * 1440)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["*/7 * * * *", "30 1,2 * * *", "0 0 29 2 *", "15 3 * 1 mon", "59 23 31 12 *"]),
    st.sampled_from([NEW_YORK, "UTC", "Australia/Lord_Howe"]),
    MINUTES,
    MINUTES,
    st.integers(1, 12),
)
def test_the_latest_moments_are_the_last_of_all(
    text: str, zone: str, begin: int, length: int, most: int
) -> None:
    expression, place = parse_cron(text), find_zone(zone)
    first = datetime(2027, 10, 1, tzinfo=UTC) + timedelta(minutes=begin)
    last = first + timedelta(minutes=length % 20000 if text.startswith("*/7") else length)
    every = [
        *itertools.takewhile(
            lambda moment: moment <= last,
            moments_after(expression, place, first - timedelta(microseconds=1)),
        )
    ]
    assert latest_moments(expression, place, first, last, most) == every[-most:]
    assert every == sorted(set(every))


def test_schedules_without_a_name_get_free_ones_by_their_order() -> None:
    schedules = [
        {"expression": "@daily"},
        {"expression": "@daily", "name": "cron-2"},
        {"expression": "@hourly"},
    ]
    jobs = planned_jobs({"cron": schedules}, 0.0, lambda: "id")
    assert [job.name for job in jobs] == ["cron-1", "cron-2", "cron-3"]
    assert [job.next_run for job in jobs] == [86400_000_000, 86400_000_000, 3600_000_000]
    assert planned_jobs(None, 0.0, lambda: "id") == ()
    assert planned_jobs({}, 0.0, lambda: "id") == ()
