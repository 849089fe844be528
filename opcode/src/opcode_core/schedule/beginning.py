"""Letting the workflows of claimed runs begin, a few at a time, and again when the store had failed."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

from opcode_core.errors import OpcodeError, StoreError
from opcode_core.logs import logger
from opcode_core.moments import Clock, to_micros
from opcode_core.schedule.jobs import Job, JobRun, JobStarter, JobStore

_AT_ONCE = 20


class Beginning:
    """Begins runs; nobody waits for that.

    Args:
        store: Where jobs are.
        starter: Starts their workflows.
        clock: What time it is.
        over: Called with the workflow of a run of which nothing comes.
        put_off: Called when a run waits for the store: `again` is to be called after a while.
    """

    def __init__(
        self,
        store: JobStore,
        starter: JobStarter,
        clock: Clock,
        over: Callable[[str], None],
        put_off: Callable[[], None],
    ) -> None:
        self._store = store
        self._starter = starter
        self._clock = clock
        self._over = over
        self._tell = put_off
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._again: list[JobRun] = []
        self._closed = False
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def waits(self) -> bool:
        """Whether a run waits for the store."""
        return bool(self._again)

    def begin(self, job: Job, run: JobRun) -> None:
        """Begin a run whose start is noted with its claim."""
        self._do(self._begin(job, run))

    def begin_waiting(self, run: JobRun) -> None:
        """Begin a run that was claimed earlier, if its job is still there."""
        self._do(self._begin_waiting(run))

    def again(self) -> None:
        """Try again what waits for the store."""
        waiting, self._again = self._again, []
        for run in waiting:
            self.begin_waiting(run)

    def close(self) -> None:
        """From now on, what cannot begin is left to the next engine."""
        self._closed = True

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _begin_waiting(self, run: JobRun) -> None:
        try:
            job = await self._store.job(run.job_id)
            if job is None:
                self._over(run.workflow_id)
                return
            await self._store.add_run(run, to_micros(self._clock.wall()))
        except StoreError as error:
            self._put_off(run, error)
            return
        await self._begin(job, run)

    async def _begin(self, job: Job, run: JobRun) -> None:
        async with self._free:
            try:
                await self._starter.start_job(job, run)
            except StoreError as error:
                self._put_off(run, error)
            except OpcodeError as error:
                await self._drop(job, run, error.message)
            except Exception:  # noqa: BLE001 - a fault of ours must not keep the job busy for good
                logger.exception("a job could not start its workflow")
                await self._drop(job, run, "the engine failed to start it: its log says why")

    async def _drop(self, job: Job, run: JobRun, error: str) -> None:
        if self._closed:
            return
        logger.error(
            "a job could not start its workflow",
            extra={"data": {"template_name": job.template_name, "job": job.name, "error": error}},
        )
        try:
            await self._store.drop_run(run, error)
        except StoreError as failed:
            self._put_off(run, failed)
        else:
            self._over(run.workflow_id)

    def _put_off(self, run: JobRun, error: StoreError) -> None:
        """Begin a run later, when the store may do better; it is claimed, so it is not lost."""
        logger.error("a run waits for the store", extra={"data": {"error": error.message}})
        self._again.append(run)
        self._tell()
