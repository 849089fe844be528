"""Jobs in the store (`JobStore`), and their list."""

from __future__ import annotations

from typing import Any

from opcode_core.schedule.jobs import Claim, Job, JobRun, JobsKept
from opcode_core.store.protocol import Page
from opcode_core.store.sqlite import job_rows as rows
from opcode_core.store.sqlite.database import Database
from opcode_core.store.sqlite.listings import Listing

JOBS = Listing(
    table="jobs",
    columns=rows.SHOWN_COLUMNS,
    conditions={"template_name": "template_name = ?", "enabled": "enabled = ?"},
    key=("created_at", "id"),
    descending=True,
    show=rows.shown,
)
_MOST_NAMED = 20


class SqliteJobs:
    """The jobs of a database.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load_jobs(self) -> JobsKept:
        """All enabled jobs, and the runs that are not over."""
        jobs = await self._database.read(rows.LOAD_JOBS)
        return rows.read_kept(jobs, await self._database.read(rows.LOAD_RUNS))

    async def jobs_of(self, template_name: str) -> list[Job]:
        """The enabled jobs of one template."""
        return [rows.read_job(row) for row in await self._read(rows.JOBS_OF, template_name)]

    async def job(self, job_id: str) -> Job | None:
        """A job, enabled or not; None when it is not there any more."""
        found = await self._read(rows.ONE_JOB, job_id)
        return rows.read_job(found[0]) if found else None

    async def named_jobs(self, name: str) -> list[Job]:
        """Some jobs that have this name, or whose template has it; enabled or not."""
        return [rows.read_job(row) for row in await self._read(rows.NAMED_JOBS, name, _MOST_NAMED)]

    async def list_jobs(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Jobs, newest first; filters `template_name`, `enabled`."""
        return JOBS.page(await self._database.read(*JOBS.statement(filters, limit, cursor)), limit)

    async def claim(self, claims: list[Claim], now: int) -> list[bool]:
        """Take due times; for each claim whether it holds."""
        return await self._database.transaction(rows.claiming(claims, now))

    async def add_run(self, run: JobRun, now: int) -> None:
        """Note a run that begins now, claimed before or not."""
        await self._database.transaction(rows.adding_run(run, now))

    async def drop_run(self, run: JobRun, error: str) -> None:
        """Note that nothing came of a run, and why."""
        await self._database.transaction(rows.dropping_run(run, error))

    async def enable(self, job_id: str, next_run: int | None, *, enabled: bool) -> None:
        """Enable a job, due next at a time, or disable it and drop what waits."""
        await self._database.transaction(rows.enabling(job_id, next_run, enabled=enabled))

    async def _read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return await self._database.read(sql, values)
