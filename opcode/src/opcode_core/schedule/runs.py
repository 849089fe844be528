"""The runs of jobs that are not over: which have begun, which wait for those."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from opcode_core.schedule.claiming import Busy
from opcode_core.schedule.jobs import JobRun


class Runs:
    """Runs that are not over, by job."""

    def __init__(self) -> None:
        self._begun: dict[str, set[str]] = {}
        self._job_of: dict[str, str] = {}
        self._waiting: dict[str, deque[JobRun]] = {}

    def busy(self, job_id: str) -> Busy:
        """What a job has to do already."""
        waiting = self._waiting.get(job_id, ())
        return Busy(
            runs=bool(waiting) or job_id in self._begun,
            waits=any(not run.missed for run in waiting),
        )

    def add(self, run: JobRun) -> None:
        """Note that a run begins."""
        self._begun.setdefault(run.job_id, set()).add(run.workflow_id)
        self._job_of[run.workflow_id] = run.job_id

    def wait(self, job_id: str, runs: Iterable[JobRun]) -> None:
        """Let runs wait, in this order."""
        waiting = self._waiting.setdefault(job_id, deque())
        waiting.extend(runs)
        if not waiting:
            del self._waiting[job_id]

    def knows(self, run: JobRun) -> bool:
        """Whether a run has begun here, or waits."""
        waiting = self._waiting.get(run.job_id, ())
        return run.workflow_id in self._job_of or run in waiting

    def end(self, workflow_id: str) -> str | None:
        """Note that a run is over; give its job, or None when it was no run of a job."""
        job_id = self._job_of.pop(workflow_id, None)
        if job_id is not None:
            begun = self._begun[job_id]
            begun.discard(workflow_id)
            if not begun:
                del self._begun[job_id]
        return job_id

    def next(self, job_id: str, *, beside: bool = False) -> JobRun | None:
        """Take the first of a job's waiting runs, which begins now; None when none waits or may begin.

        Args:
            job_id: The job.
            beside: Whether it may begin beside others of the job.
        """
        waiting = self._waiting.get(job_id)
        if not waiting or (job_id in self._begun and not beside):
            return None
        run = waiting.popleft()
        if not waiting:
            del self._waiting[job_id]
        self.add(run)
        return run

    def drop_waiting(self, job_id: str) -> None:
        """Let nothing of a job wait any more."""
        self._waiting.pop(job_id, None)

    def waited_for(self) -> list[str]:
        """The jobs that have waiting runs."""
        return list(self._waiting)
