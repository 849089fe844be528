"""The rows of jobs and of their runs that are not over: how they are read, and the transactions that change them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from opcode_core.jsonio import compact_json, read_json
from opcode_core.moments import iso_time
from opcode_core.schedule.jobs import Claim, Job, JobRun, JobsKept, NewJob

_FINISHED = "('completed', 'failed', 'cancelled')"
JOB_COLUMNS = (
    "id, template_name, name, expression, timezone, params, missed, overlap, agent_id, next_run"
)
SHOWN_COLUMNS = (
    "name, template_name, expression, timezone, params, enabled, missed, overlap, agent_id, created_at, next_run, "
    "last_run, last_workflow_id, last_error"
)
LOAD_JOBS = f"SELECT {JOB_COLUMNS} FROM jobs WHERE enabled"
JOBS_OF = f"{LOAD_JOBS} AND template_name = ?"
ONE_JOB = f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?"
NAMED_JOBS = f"SELECT {JOB_COLUMNS} FROM jobs WHERE ? IN (name, template_name) ORDER BY template_name, name LIMIT ?"
LOAD_RUNS = (
    "SELECT job_runs.workflow_id, job_id, due, missed, status FROM job_runs LEFT JOIN workflows USING (workflow_id) "
    f"WHERE status IS NULL OR status NOT IN {_FINISHED} ORDER BY claimed_at, due"
)


def read_job(row: Sequence[Any]) -> Job:
    """A job of its stored row, in the order of `JOB_COLUMNS`."""
    identity, template_name, name, expression, timezone, params, missed, overlap, agent, due = row
    return Job(
        id=identity,
        template_name=template_name,
        name=name,
        expression=expression,
        timezone=timezone,
        params=read_json(params),
        missed=missed,
        overlap=overlap,
        agent_id=agent,
        next_run=due,
    )


def read_kept(jobs: Iterable[Sequence[Any]], runs: Iterable[Sequence[Any]]) -> JobsKept:
    """What a scheduler begins with, of the rows of `LOAD_JOBS` and `LOAD_RUNS`."""
    kept = JobsKept([read_job(row) for row in jobs], [], [])
    for workflow_id, job_id, due, missed, status in runs:
        run = JobRun(workflow_id, job_id, due, missed=bool(missed))
        (kept.waiting if status is None else kept.running).append(run)
    return kept


def keep_jobs(
    connection: sqlite3.Connection, template_name: str, jobs: Sequence[NewJob], by: str, now: int
) -> None:
    """Make the jobs of a template those that its latest version asks for, inside the caller's transaction.

    A job of the same name is changed: it keeps its next due time unless its expression or time zone is another, and
    stays enabled or disabled as somebody has decided unless the version says otherwise than the one before.

    Args:
        connection: The connection.
        template_name: The template.
        jobs: All its jobs.
        by: Who defined it.
        now: Microseconds since 1970.
    """
    names = [job.name for job in jobs]
    connection.execute(
        "DELETE FROM jobs WHERE template_name = ? AND name NOT IN (SELECT value FROM json_each(?))",
        (template_name, compact_json(names)),
    )
    for job in jobs:
        connection.execute(
            "INSERT INTO jobs (id, template_name, name, expression, timezone, params, declared, enabled, missed, "
            "overlap, agent_id, created_at, next_run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (template_name, name) DO UPDATE SET "
            "next_run = CASE WHEN excluded.expression = expression AND excluded.timezone = timezone "
            "AND (enabled OR NOT excluded.enabled OR declared = excluded.declared) "
            "THEN next_run ELSE excluded.next_run END, "
            "enabled = CASE WHEN declared = excluded.declared THEN enabled ELSE excluded.enabled END, "
            "expression = excluded.expression, timezone = excluded.timezone, params = excluded.params, "
            "declared = excluded.declared, missed = excluded.missed, overlap = excluded.overlap, "
            "agent_id = excluded.agent_id",
            (
                *(job.id, template_name, job.name, job.expression, job.timezone),
                *(compact_json(job.params), job.enabled, job.enabled, job.missed, job.overlap),
                *(by, now, job.next_run),
            ),
        )


def claiming(claims: Sequence[Claim], now: int) -> Callable[[sqlite3.Connection], list[bool]]:
    """The transaction that takes due times; see `JobStore.claim`."""

    def run(connection: sqlite3.Connection) -> list[bool]:
        return [_claim(connection, claim, now) for claim in claims]

    return run


def _claim(connection: sqlite3.Connection, claim: Claim, now: int) -> bool:
    held = connection.execute(
        "UPDATE jobs SET next_run = ? WHERE id = ? AND enabled AND next_run = ?",
        (claim.next_run, claim.job.id, claim.job.next_run),
    ).rowcount
    if not held:
        return False
    connection.execute(
        "DELETE FROM job_runs WHERE job_id = ? AND workflow_id IN "
        f"(SELECT workflow_id FROM workflows WHERE status IN {_FINISHED})",
        (claim.job.id,),
    )
    for run in claim.runs:
        _insert_run(connection, run, now)
    if claim.starts:
        _note_start(connection, claim.runs[claim.starts - 1], now)
    return True


def adding_run(run: JobRun, now: int) -> Callable[[sqlite3.Connection], None]:
    """The transaction that notes a run that begins now, claimed before or not."""

    def work(connection: sqlite3.Connection) -> None:
        _insert_run(connection, run, now)
        _note_start(connection, run, now)

    return work


def _insert_run(connection: sqlite3.Connection, run: JobRun, now: int) -> None:
    connection.execute(
        "INSERT INTO job_runs VALUES (?, ?, ?, ?, ?) ON CONFLICT (workflow_id) DO NOTHING",
        (run.workflow_id, run.job_id, run.due, run.missed, now),
    )


def _note_start(connection: sqlite3.Connection, run: JobRun, now: int) -> None:
    connection.execute(
        "UPDATE jobs SET last_run = ?, last_workflow_id = ?, last_error = NULL WHERE id = ?",
        (now, run.workflow_id, run.job_id),
    )


def dropping_run(run: JobRun, error: str) -> Callable[[sqlite3.Connection], None]:
    """The transaction that notes that nothing came of a run, and why."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM job_runs WHERE workflow_id = ?", (run.workflow_id,))
        connection.execute(
            "UPDATE jobs SET last_error = ?, last_workflow_id = nullif(last_workflow_id, ?) WHERE id = ?",
            (error, run.workflow_id, run.job_id),
        )

    return work


def enabling(
    job_id: str, next_run: int | None, *, enabled: bool
) -> Callable[[sqlite3.Connection], None]:
    """The transaction that enables a job, due next at a time, or disables it and drops what waits."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE jobs SET enabled = ?, next_run = ? WHERE id = ? AND enabled != ?",
            (enabled, next_run, job_id, enabled),
        )
        if not enabled:
            connection.execute(
                "DELETE FROM job_runs WHERE job_id = ? AND workflow_id NOT IN (SELECT workflow_id FROM workflows)",
                (job_id,),
            )

    return work


def shown(row: Sequence[Any]) -> dict[str, Any]:
    """The row as an agent sees it, in the order of `SHOWN_COLUMNS`."""
    found = dict(zip(SHOWN_COLUMNS.split(", "), row, strict=True))
    found["params"] = read_json(found["params"])
    found["enabled"] = bool(found["enabled"])
    if not found["enabled"]:
        found["next_run"] = None
    for name in ("created_at", "next_run", "last_run"):
        found[name] = None if found[name] is None else iso_time(found[name])
    return {
        name: value
        for name, value in found.items()
        if value is not None or not name.startswith("last_")
    }
