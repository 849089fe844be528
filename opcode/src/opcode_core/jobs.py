"""Jobs: what `triggers` make of a template, when they start its workflows, and what people do with them by hand."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from opcode_core.engine.engine import Engine
from opcode_core.errors import NotFoundError, ValidationError
from opcode_core.launching import Launcher
from opcode_core.model.problems import Problem
from opcode_core.model.requests import RunRequest
from opcode_core.moments import Clock, iso_time, to_micros
from opcode_core.schedule.jobs import Job, JobRun, JobStore, NewJob, next_due, planned_jobs
from opcode_core.schedule.scheduler import Scheduler
from opcode_core.store.protocol import Page, Store
from opcode_core.suggest import listing


class ListedJobs(JobStore, Protocol):
    """Jobs in a store that can list them."""

    async def list_jobs(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Jobs, newest first; filters `template_name`, `enabled`."""
        ...


class JobLauncher:
    """Starts the workflows of jobs (`JobStarter`).

    Args:
        store: Where workflows are.
        engine: Runs them.
        launcher: Knows what they begin with.
    """

    def __init__(self, store: Store, engine: Engine, launcher: Launcher) -> None:
        self._store = store
        self._engine = engine
        self._launcher = launcher

    async def start_job(self, job: Job, run: JobRun) -> None:
        """Begin the workflow of a run, of the latest version; nothing happens if it has begun already."""
        begun = self._engine.find(run.workflow_id) is not None
        if not begun and await self._store.state_of(run.workflow_id) is None:
            templates = self._launcher.templates
            template = await templates.find(job.template_name, None)
            plan = await templates.plan(template)
            request = RunRequest(job.template_name, agent_id=job.agent_id, params=job.params)
            start = self._launcher.prepare(run.workflow_id, request, template, plan)
            told = {"name": job.name}
            if run.due is not None:
                told["due"] = iso_time(run.due)
            self._engine.start(run.workflow_id, replace(start, job=told))
        await self._store.journal.stored(run.workflow_id)


class Jobs:
    """The jobs of a store, and who starts them.

    Args:
        kept: Where they are.
        store: Where workflows are.
        engine: Runs their workflows.
        launcher: Knows what those begin with.
        clock: What time it is.
    """

    def __init__(
        self, kept: ListedJobs, store: Store, engine: Engine, launcher: Launcher, clock: Clock
    ) -> None:
        self._kept = kept
        self._clock = clock
        self._scheduler = Scheduler(
            kept, JobLauncher(store, engine, launcher), clock, engine.new_id
        )
        self.list = kept.list_jobs
        self.load = self._scheduler.load
        self.begin = self._scheduler.begin
        self.ended = self._scheduler.ended
        self.changed = self._scheduler.refresh
        self.stop = self._scheduler.stop
        self.close = self._scheduler.close

    async def planned(self, triggers: Mapping[str, Any] | None) -> tuple[NewJob, ...]:
        """The jobs that checked triggers ask for, each due for the first time after now."""
        if not triggers or not triggers.get("cron"):
            return ()
        return await asyncio.to_thread(planned_jobs, triggers, self._clock.wall(), _new_id)

    async def losing(self, template_name: str) -> list[dict[str, Any]]:
        """What to warn of when a version of a template comes without triggers: the jobs that go with that."""
        names = [job.name for job in await self._kept.jobs_of(template_name)]
        if not names:
            return []
        problem = Problem(
            path="",
            code="MISSING_FIELD",
            message=f"this version has no triggers: nothing starts it by itself any more ({listing(names)})",
            hint='give the same `triggers` again to keep its jobs, or {"cron": []} for none',
            severity="warning",
            argument="triggers",
        )
        return [problem.to_json()]

    async def enable(self, name: str, template_name: str | None, *, enabled: bool) -> Job:
        """Enable or disable a job; what was due while it was disabled is not made up for.

        Raises:
            NotFoundError: There is no such job.
            ValidationError: Several have this name.
        """
        job = await self._find(name, template_name)
        due = None
        if enabled:
            now = to_micros(self._clock.wall())
            due = await asyncio.to_thread(next_due, job.expression, job.timezone, now)
        await self._kept.enable(job.id, due, enabled=enabled)
        await self.changed(job.template_name)
        return job

    async def run(self, name: str, template_name: str | None) -> str:
        """Start a run of a job now, enabled or not and whatever else of it runs.

        Returns:
            The id of the workflow.

        Raises:
            NotFoundError: There is no such job.
            ValidationError: Several have this name.
            OpcodeError: It cannot begin.
        """
        return await self._scheduler.run_now(await self._find(name, template_name))

    async def _find(self, name: str, template_name: str | None) -> Job:
        """The job of this name; else the only one of the template of this name."""
        found = [
            job
            for job in await self._kept.named_jobs(name)
            if template_name in (None, job.template_name)
        ]
        found = [job for job in found if job.name == name] or found
        if not found:
            of = f" of template `{template_name}`" if template_name else ""
            raise NotFoundError(f"there is no job `{name}`{of}: `opcode jobs list` lists them")
        if len(found) > 1:
            which = ", ".join(f"`{job.name}` of `{job.template_name}`" for job in found)
            raise ValidationError(f"several jobs are meant by `{name}`: {which}: name both")
        return found[0]


def _new_id() -> str:
    return str(uuid.uuid4())
