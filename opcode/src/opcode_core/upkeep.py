"""What a service has beside the five verbs: jobs, retention, templates taken out and in."""

from __future__ import annotations

from dataclasses import dataclass

from opcode_core.archive import Archive
from opcode_core.jobs import Jobs
from opcode_core.retention import Retention


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a service has beside the five verbs.

    Attributes:
        jobs: What starts templates by itself.
        retention: What deletes old workflows.
        archive: What takes templates out and in.
    """

    jobs: Jobs
    retention: Retention
    archive: Archive

    def begin(self, retention_seconds: float | None) -> None:
        """Start what is due, and delete what is older than so many seconds, from now on."""
        self.jobs.begin()
        if retention_seconds is not None:
            self.retention.begin(retention_seconds)

    def stop(self) -> None:
        """Begin nothing any more."""
        self.jobs.stop()

    async def close(self) -> None:
        """Wait until what was begun is done, or left to the next engine."""
        await self.retention.close()
        await self.jobs.close()
