"""Retention: what ended long ago is deleted, on demand or once a day."""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import AsyncExitStack
from typing import Any

from opcode_core.engine.engine import Engine
from opcode_core.errors import OpcodeError
from opcode_core.logs import logger
from opcode_core.moments import Alarm, Clock, iso_time, to_micros
from opcode_core.store.protocol import Deleted, OldWorkflows

FIRST_SECONDS = 60.0
"""How long after the start it looks for the first time."""
EVERY_SECONDS = 86400.0
"""How long after the end of a look it looks again."""
_HELD = 50


class Retention:
    """Deletes workflows that ended long ago.

    A workflow goes together with those its steps started, and only when all of them ended before: whoever can be
    looked at is whole.

    Args:
        old: Finds and deletes them.
        engine: Knows which are in memory.
        clock: What time it is.
    """

    def __init__(self, old: OldWorkflows, engine: Engine, clock: Clock) -> None:
        self._old = old
        self._engine = engine
        self._clock = clock
        self._alarm: Alarm | None = None
        self._task: asyncio.Task[None] | None = None
        self._one = asyncio.Lock()

    async def collect(self, seconds: float, *, dry_run: bool = False) -> dict[str, Any]:
        """Delete every workflow that ended so many seconds ago or earlier.

        Args:
            seconds: How many.
            dry_run: Whether to count only.

        Returns:
            `{dry_run, ended_before, workflows, events, decisions}`: how many rows were, or would be, deleted.

        Raises:
            StoreError: The database could not do it; what was deleted by then is.
        """
        before = to_micros(self._clock.now() - seconds)
        deleted, last = Deleted(), ""
        async with self._one:
            while not self._engine.closing:
                found = await self._old.old_families(before, last)
                if dry_run:
                    deleted += await self._old.count(found.workflow_ids)
                else:
                    deleted += await self._delete(found.workflow_ids)
                if found.last is None:
                    break
                last = found.last
        return {
            "dry_run": dry_run,
            "ended_before": iso_time(before),
            "workflows": deleted.workflows,
            "events": deleted.events,
            "decisions": deleted.decisions,
        }

    def begin(self, seconds: float) -> None:
        """Collect once a day from now on."""
        self._set(FIRST_SECONDS, seconds)

    async def close(self) -> None:
        """Collect no more; a transaction that is under way is finished."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _delete(self, workflow_ids: list[str]) -> Deleted:
        """Delete these workflows; one that somebody is about to go on with keeps out of it."""
        deleted = Deleted()
        while workflow_ids:
            some, workflow_ids = workflow_ids[:_HELD], workflow_ids[_HELD:]
            async with AsyncExitStack() as held:
                for workflow_id in some:
                    await held.enter_async_context(self._engine.locks.hold(workflow_id))
                resting = [one for one in some if self._engine.find(one) is None]
                while resting:
                    done, these = await self._old.delete(resting)
                    resting = resting[done:]
                    deleted += these
        return deleted

    def _set(self, pause: float, seconds: float) -> None:
        self._alarm = self._clock.alarm(self._clock.now() + pause, lambda: self._start(seconds))

    def _start(self, seconds: float) -> None:
        self._task = asyncio.get_running_loop().create_task(
            self._daily(seconds), name="opcode retention", context=contextvars.Context()
        )

    async def _daily(self, seconds: float) -> None:
        try:
            told = await self.collect(seconds)
        except OpcodeError as error:
            logger.error("retention failed", extra={"data": {"error": error.message}})
        else:
            if told["workflows"]:
                logger.info("old workflows were deleted", extra={"data": told})
        self._set(EVERY_SECONDS, seconds)
