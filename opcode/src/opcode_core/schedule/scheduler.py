"""The scheduler: knows every enabled job, wakes for the first that is due, and lets their workflows begin.

What it goes by is in the store. A due time is taken in one transaction: the run, with the id its workflow will have,
and the next due time. Only then does the workflow begin, under that id. Whatever happens in between, the next scheduler
finds the claim, sees whether a workflow of that id is stored, and begins it if not: each due time runs once, and none
is lost.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections.abc import Callable, Sequence
from dataclasses import replace

from opcode_core.errors import OpcodeError, StoreError
from opcode_core.logs import logger
from opcode_core.moments import Alarm, Clock, to_micros
from opcode_core.schedule.beginning import Beginning
from opcode_core.schedule.claiming import Busy, claim_due
from opcode_core.schedule.jobs import Claim, Job, JobRun, JobStarter, JobStore
from opcode_core.schedule.runs import Runs

LOOK_SECONDS = 30.0
"""How long it sleeps at most: a clock that was set, or a machine that slept, is noticed by then."""
AGAIN_SECONDS = 15.0
"""How long after the store failed it is asked again."""
CLOSE_SECONDS = 10.0
"""How long what is being started may take when it closes."""
_AT_ONCE = 100


class Scheduler:
    """Starts workflows when jobs are due.

    Args:
        store: Where jobs are.
        starter: Starts their workflows.
        clock: What time it is.
        new_id: Makes ids of workflows.
    """

    def __init__(
        self, store: JobStore, starter: JobStarter, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._store = store
        self._starter = starter
        self._clock = clock
        self._new_id = new_id
        self._jobs: dict[str, Job] = {}
        self._heap: list[tuple[int, str]] = []
        self._runs = Runs()
        self._alarm: Alarm | None = None
        self._wake = asyncio.Event()
        self._beginning = Beginning(store, starter, clock, self.ended, self._look_soon)
        self._task: asyncio.Task[None] | None = None
        self._open = False

    async def load(self) -> None:
        """Read what the store knows; runs that end from now on are to be told to `ended`.

        Raises:
            StoreError: The database could not do it.
        """
        kept = await self._store.load_jobs()
        for job in kept.jobs:
            self._keep(job)
        for run in kept.running:
            self._runs.add(run)
        for run in kept.waiting:
            self._runs.wait(run.job_id, [run])

    def begin(self) -> None:
        """Start what is due, from now on."""
        self._open = True
        self._begin_what_may()
        self._task = asyncio.get_running_loop().create_task(
            self._work(), name="opcode scheduler", context=contextvars.Context()
        )
        self._wake.set()

    def stop(self) -> None:
        """Start nothing any more: what is due from now on is the next engine's."""
        self._open = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._wake.set()
        self._beginning.close()

    async def close(self) -> None:
        """Stop, and wait until what is being started is stored."""
        self.stop()
        tasks = [*self._beginning.tasks, *(() if self._task is None else (self._task,))]
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
            for task in pending:
                task.cancel()

    async def refresh(self, template_name: str) -> None:
        """The jobs of a template may have changed in the store.

        Raises:
            StoreError: The database could not do it.
        """
        jobs = {job.id: job for job in await self._store.jobs_of(template_name)}
        for job in [one for one in self._jobs.values() if one.template_name == template_name]:
            if job.id not in jobs:
                del self._jobs[job.id]
                self._runs.drop_waiting(job.id)
        for job in jobs.values():
            self._keep(job)
        self._wake.set()

    def ended(self, workflow_id: str) -> None:
        """A workflow has ended; it may have been the run of a job."""
        job_id = self._runs.end(workflow_id)
        if job_id is not None:
            self._next(job_id)

    async def run_now(self, job: Job) -> str:
        """Start a run by hand, whatever else of the job runs.

        Returns:
            The id of its workflow.

        Raises:
            OpcodeError: It cannot begin.
        """
        run = JobRun(self._new_id(), job.id, None)
        await self._store.add_run(run, to_micros(self._clock.wall()))
        self._runs.add(run)
        try:
            await self._starter.start_job(job, run)
        except OpcodeError as error:
            self.ended(run.workflow_id)
            await self._store.drop_run(run, error.message)
            raise
        return run.workflow_id

    def _keep(self, job: Job) -> None:
        before = self._jobs.get(job.id)
        self._jobs[job.id] = job
        if job.next_run is not None and (before is None or before.next_run != job.next_run):
            heapq.heappush(self._heap, (job.next_run, job.id))

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not self._open:
                return
            pause = LOOK_SECONDS
            try:
                await self._round()
            except StoreError as error:
                logger.error(
                    "due jobs wait for the store", extra={"data": {"error": error.message}}
                )
                pause = AGAIN_SECONDS
            except Exception:  # noqa: BLE001 - one fault must not end the schedules of everybody
                logger.exception("the scheduler stumbled and goes on")
                pause = AGAIN_SECONDS
            if self._open:
                self._arm(pause)

    def _arm(self, pause: float) -> None:
        """Have the clock call for the first job, and after a while if there is any."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not self._heap and not self._beginning.waits:
            return
        if self._heap and pause == LOOK_SECONDS:
            pause = min(pause, self._heap[0][0] / 1e6 - self._clock.wall())
        self._alarm = self._clock.alarm(self._clock.now() + pause, self._wake.set)

    def _look_soon(self) -> None:
        """A run waits for the store: see to it that somebody looks after it."""
        if self._open and self._alarm is None:
            self._arm(AGAIN_SECONDS)

    async def _round(self) -> None:
        """Take whatever is due, and begin it."""
        self._beginning.again()
        now = to_micros(self._clock.wall())
        while self._open and (due := self._due(now)):
            busy = [self._runs.busy(job.id) for job in due]
            claims, impossible = await asyncio.to_thread(_claims, due, busy, now, self._new_id)
            for job in impossible:
                self._jobs.pop(job.id, None)
            try:
                held = await self._store.claim(claims, now)
            except StoreError:
                for claim in claims:
                    heapq.heappush(self._heap, (claim.job.next_run or now, claim.job.id))
                raise
            for claim, holds in zip(claims, held, strict=True):
                if holds:
                    self._take(claim)
            if not all(held):
                await self._adopt(claims, held)

    def _due(self, now: int) -> list[Job]:
        """Some of the jobs that are due."""
        due: dict[str, Job] = {}
        while self._heap and self._heap[0][0] <= now and len(due) < _AT_ONCE:
            when, job_id = heapq.heappop(self._heap)
            job = self._jobs.get(job_id)
            if job is not None and job.next_run == when:
                due[job_id] = job
        return list(due.values())

    def _take(self, claim: Claim) -> None:
        """Go on with a claim that holds; the job may have changed in other ways meanwhile."""
        job = replace(self._jobs.get(claim.job.id, claim.job), next_run=claim.next_run)
        if job.id in self._jobs:
            self._keep(job)
        if not claim.runs:
            logger.info("a due time was left out", extra={"data": _named(job)})
        for run in claim.runs[: claim.starts]:
            self._runs.add(run)
            self._beginning.begin(job, run)
        self._runs.wait(job.id, claim.runs[claim.starts :])
        self._next(job.id)  # what it waits for may have ended since that was decided

    async def _adopt(self, claims: Sequence[Claim], held: Sequence[bool]) -> None:
        """Go by the store where claims do not hold: a job has changed, or an earlier try was stored after all."""
        for template_name in {
            claim.job.template_name for claim, holds in zip(claims, held, strict=True) if not holds
        }:
            await self.refresh(template_name)
        for run in (await self._store.load_jobs()).waiting:
            if not self._runs.knows(run):
                self._runs.wait(run.job_id, [run])
        self._begin_what_may()

    def _begin_what_may(self) -> None:
        """Begin what waits and need not."""
        for job_id in self._runs.waited_for():
            job = self._jobs.get(job_id)
            beside = job is not None and job.overlap == "allow"
            while (run := self._runs.next(job_id, beside=beside)) is not None:
                self._beginning.begin_waiting(run)

    def _next(self, job_id: str) -> None:
        run = self._runs.next(job_id) if self._open else None
        if run is not None:
            self._beginning.begin_waiting(run)


def _claims(
    due: Sequence[Job], busy: Sequence[Busy], now: int, new_id: Callable[[], str]
) -> tuple[list[Claim], list[Job]]:
    """What comes of jobs that are due, and those of which nothing can come here any more."""
    claims, impossible = [], []
    for job, has in zip(due, busy, strict=True):
        try:
            claims.append(claim_due(job, now, has, new_id))
        except Exception as error:  # noqa: BLE001 - a time zone that is gone, say; the others go on
            impossible.append(job)
            logger.error(
                "a job cannot be scheduled here any more",
                extra={"data": {**_named(job), "error": str(error)}},
            )
    return claims, impossible


def _named(job: Job) -> dict[str, str]:
    return {"template_name": job.template_name, "job": job.name}
