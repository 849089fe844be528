"""Jobs: what starts a template by itself, as it stands in `triggers` and as the store keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from opcode_core.schedule.cron import parse_cron
from opcode_core.schedule.due import next_after
from opcode_core.schedule.zones import find_zone

Missed = Literal["once", "skip", "all"]
Overlap = Literal["skip", "allow", "queue"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as a version of a template asks for it.

    Attributes:
        id: The id it gets if the template has no job of this name.
        name: Its name; no other of the template has it.
        expression: The cron expression, checked.
        timezone: Where its clock hangs, checked.
        params: The params of its runs.
        enabled: Whether it runs, as the version says.
        missed: What becomes of runs that were due while nothing could start.
        overlap: What to do while the run before is not over.
        next_run: When it is due first, in microseconds since 1970; None for never.
    """

    id: str
    name: str
    expression: str
    timezone: str
    params: dict[str, Any]
    enabled: bool
    missed: Missed
    overlap: Overlap
    next_run: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the scheduler goes by it; see `NewJob`.

    Attributes:
        id: Its id.
        template_name: The template; the latest version runs.
        name: Its name.
        expression: The cron expression.
        timezone: Where its clock hangs.
        params: The params of its runs.
        missed: What becomes of runs that were due while nothing could start.
        overlap: What to do while the run before is not over.
        agent_id: Who defined it, and in whose name it runs.
        next_run: When it is due, in microseconds since 1970; None for never, and while it is disabled.
    """

    id: str
    template_name: str
    name: str
    expression: str
    timezone: str
    params: dict[str, Any]
    missed: Missed
    overlap: Overlap
    agent_id: str
    next_run: int | None


@dataclass(frozen=True, slots=True)
class JobRun:
    """A run of a job: the workflow it is to become, or has become.

    Attributes:
        workflow_id: The id of that workflow, fixed before it begins.
        job_id: The job.
        due: The due time it stands for, in microseconds since 1970; None when somebody started it by hand.
        missed: Whether that time had passed while nothing could start.
    """

    workflow_id: str
    job_id: str
    due: int | None
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """Due times of one job that somebody takes, and when the job is due next.

    Attributes:
        job: The job, with the `next_run` that must still be the stored one.
        next_run: When it is due next; None for never.
        runs: The runs that come of it, in order; none when all are left out.
        starts: How many of them begin at once; the others wait for those before them.
    """

    job: Job
    next_run: int | None
    runs: tuple[JobRun, ...]
    starts: int


@dataclass(frozen=True, slots=True)
class JobsKept:
    """What a store knows about jobs when a scheduler begins.

    Attributes:
        jobs: The enabled jobs.
        waiting: Runs that are claimed and have not begun, in order.
        running: Runs whose workflow has begun and not ended.
    """

    jobs: list[Job]
    waiting: list[JobRun]
    running: list[JobRun]


class JobStore(Protocol):
    """What the scheduler needs of a store."""

    async def load_jobs(self) -> JobsKept:
        """All enabled jobs, and the runs that are not over."""
        ...

    async def jobs_of(self, template_name: str) -> list[Job]:
        """The enabled jobs of one template."""
        ...

    async def job(self, job_id: str) -> Job | None:
        """A job, enabled or not; None when it is not there any more."""
        ...

    async def claim(self, claims: list[Claim], now: int) -> list[bool]:
        """Take due times: the claim and the next due time are one transaction.

        Returns:
            For each claim whether it holds; one does not when the job is gone, disabled, changed, or claimed before.
        """
        ...

    async def add_run(self, run: JobRun, now: int) -> None:
        """Note a run that begins now without a due time being claimed: by hand, or after waiting."""
        ...

    async def drop_run(self, run: JobRun, error: str) -> None:
        """Note that nothing came of a run, and why."""
        ...

    async def named_jobs(self, name: str) -> list[Job]:
        """Some jobs that have this name, or whose template has it; enabled or not."""
        ...

    async def enable(self, job_id: str, next_run: int | None, *, enabled: bool) -> None:
        """Enable a job, due next at a time, or disable it and drop what waits; nothing if it is so already."""
        ...


class JobStarter(Protocol):
    """Starts the workflows of jobs."""

    async def start_job(self, job: Job, run: JobRun) -> None:
        """Begin the workflow of a run; nothing happens if it has begun already. Returns when that is stored.

        Raises:
            StoreError: It could not be stored; another try may work.
            OpcodeError: It cannot begin.
        """
        ...


def planned_jobs(
    triggers: Mapping[str, Any] | None, now: float, new_id: Callable[[], str]
) -> tuple[NewJob, ...]:
    """The jobs that checked `triggers` ask for.

    Args:
        triggers: What `define` was given, and found nothing wrong with.
        now: Seconds since 1970; no job is due before it, nor at it.
        new_id: Makes ids.
    """
    schedules = (triggers or {}).get("cron", [])
    free = _free_names({schedule["name"] for schedule in schedules if "name" in schedule})
    jobs = []
    for schedule in schedules:
        expression, timezone = schedule["expression"], schedule.get("timezone", "UTC")
        jobs.append(
            NewJob(
                id=new_id(),
                name=schedule.get("name") or next(free),
                expression=expression,
                timezone=timezone,
                params=schedule.get("params", {}),
                enabled=schedule.get("enabled", True),
                missed=schedule.get("missed", "once"),
                overlap=schedule.get("overlap", "skip"),
                next_run=next_due(expression, timezone, round(now * 1e6)),
            )
        )
    return tuple(jobs)


def _free_names(taken: set[str]) -> Iterator[str]:
    """`cron-1`, `cron-2`, …: names for schedules without one, by their order."""
    number = 0
    while True:
        number += 1
        if f"cron-{number}" not in taken:
            yield f"cron-{number}"


def next_due(expression: str, timezone: str, after: int) -> int | None:
    """When a job is due next.

    Args:
        expression: Its cron expression.
        timezone: Where its clock hangs.
        after: Microseconds since 1970; it is due later than that.
    """
    due = next_after(parse_cron(expression), find_zone(timezone), as_moment(after))
    return None if due is None else as_micros(due)


def as_moment(micros: int) -> datetime:
    """A stored time as an aware one."""
    return _EPOCH + timedelta(microseconds=micros)


def as_micros(moment: datetime) -> int:
    """An aware time as it is stored."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
