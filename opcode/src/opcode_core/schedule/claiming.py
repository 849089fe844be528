"""What comes of a job whose time has come: which runs, which of them at once, and when it is due next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from opcode_core.schedule.cron import parse_cron
from opcode_core.schedule.due import latest_moments, next_after
from opcode_core.schedule.jobs import Claim, Job, JobRun, as_micros, as_moment
from opcode_core.schedule.zones import find_zone

ON_TIME = 60_000_000
"""How many microseconds after its due time a run is still on time: cron counts in minutes."""
MOST_MISSED = 100
"""How many runs of one job may come of what was missed."""


@dataclass(frozen=True, slots=True)
class Busy:
    """What a job has to do already.

    Attributes:
        runs: Whether there is a run of it that is not over, begun or waiting.
        waits: Whether one waits that was on time.
    """

    runs: bool = False
    waits: bool = False


def claim_due(job: Job, now: int, busy: Busy, new_id: Callable[[], str]) -> Claim:
    """Decide what comes of a job that is due.

    Args:
        job: The job; its `next_run` has come.
        now: Microseconds since 1970.
        busy: What it has to do already.
        new_id: Makes ids of workflows.

    Raises:
        CronError: Its expression is none for this program.
        UnknownZoneError: Its time zone is none on this machine.
    """
    expression, zone = parse_cron(job.expression), find_zone(job.timezone)
    moment = as_moment(now)
    following = next_after(expression, zone, moment)
    next_run = None if following is None else as_micros(following)
    if job.next_run is None:
        return Claim(job, next_run, (), 0)
    most = MOST_MISSED if job.missed == "all" else 1
    found = latest_moments(expression, zone, as_moment(job.next_run), moment, most)
    due = [as_micros(one) for one in found]
    if job.missed == "skip":
        due = [one for one in due if one > now - ON_TIME]
    runs = [JobRun(new_id(), job.id, one, missed=one <= now - ON_TIME) for one in due]
    kept = _without_overlap(job, runs, busy)
    starts = len(kept) if job.overlap == "allow" else min(len(kept), 0 if busy.runs else 1)
    return Claim(job, next_run, tuple(kept), starts)


def _without_overlap(job: Job, runs: list[JobRun], busy: Busy) -> list[JobRun]:
    """The runs that may begin or wait; those that `missed: all` brings always do, one after the other."""
    if not busy.runs or job.overlap == "allow":
        return runs
    if job.overlap == "queue" and not busy.waits:
        return runs
    return [run for run in runs if run.missed and job.missed == "all"]
