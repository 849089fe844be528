"""The event log: taken one by one, stored in groups.

Everything that is ready when a commit can begin goes into it, whatever workflow it belongs to: a commit costs about as
much as ten events. While one is under way the next group collects.

When a commit fails in a way that may pass - the disk is full, another process holds the database - nothing that ran is
run again: the events are kept and tried again until they are stored. Only workflows that had just begun are given up,
because whoever began them is told so.
"""

from __future__ import annotations

import asyncio
import contextvars

from opcode_core import crashpoints
from opcode_core.errors import StoreError
from opcode_core.logs import logger
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState
from opcode_core.store.sqlite.database import Database
from opcode_core.store.sqlite.faults import is_passing, is_unknown
from opcode_core.store.sqlite.groups import Group, begins

_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds before a commit is tried again; the last one from then on."""


class SqliteJournal:
    """Takes events and stores them in groups (`Journal`).

    Args:
        database: Where they go.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group = Group()
        self._in_flight: Group | None = None
        self._lost: dict[str, StoreError] = {}
        self._failure: StoreError | None = None
        self._resting = False
        self._closing = False
        self._stirred = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._called = False

    @property
    def failure(self) -> StoreError | None:
        """Why events could not be stored when that was tried last; None when all is well."""
        return self._failure

    def append(self, event: Event, payload: bytes | None, state: WorkflowState) -> None:
        """Take an event; it is stored with whatever else is ready when the next commit begins."""
        if event.workflow_id in self._lost:
            return  # an earlier event of it is missing in the log: this one must not follow the gap
        if self._failure is not None and begins(event, state):
            self._lost[event.workflow_id] = self._failure
            return
        self._group.add(event, payload, state)
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._wake)

    async def stored(self, workflow_id: str) -> None:
        """Wait until everything taken so far of a workflow is stored.

        Raises:
            StoreError: An event of it could not be stored; unless the workflow is lost, that is tried again.
        """
        group = self._last_with(workflow_id)
        while group is not None and not group.done and group.has(workflow_id):
            if self._failure is not None:
                raise _told_anew(self._failure)
            await self._looked_at(group)
        self._refuse_lost(workflow_id, group)

    async def kept(self, workflow_id: str) -> None:
        """The same, however long the store fails.

        Raises:
            StoreError: The workflow is lost: what is in the log is what it was before.
        """
        group = self._last_with(workflow_id)
        while group is not None and not group.done and group.has(workflow_id):
            await self._looked_at(group)
        self._refuse_lost(workflow_id, group)

    def drop(self, workflow_id: str) -> bool:
        """Take back what could not be stored of a workflow, until it is forgotten; says whether that can be."""
        error = self._failure
        if error is None or self._last_with(workflow_id) is None:
            return False
        in_flight = self._in_flight is not None and self._in_flight.has(workflow_id)
        if in_flight and (not self._resting or is_unknown(error)):
            return False
        self._lose([workflow_id], error)
        if self._in_flight is not None and not self._in_flight.rows:
            self._stirred.set()
        return True

    def forget(self, workflow_id: str) -> None:
        """Nobody runs this workflow any more: if events of it were lost, it begins anew from the log."""
        self._lost.pop(workflow_id, None)

    async def close(self) -> None:
        """Store what was taken; what cannot be stored is tried once more, and then left."""
        self._closing = True
        self._stirred.set()
        while self._group.rows or self._in_flight is not None:
            await self._looked_at(self._in_flight or self._group)
            if self._failure is not None:
                logger.error(
                    "events could not be stored before the end", extra={"data": self._told()}
                )
                break
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait((self._writer,))

    def _last_with(self, workflow_id: str) -> Group | None:
        """The last group with an event of a workflow; groups are stored in their order."""
        if self._group.has(workflow_id):
            return self._group
        if self._in_flight is not None and self._in_flight.has(workflow_id):
            return self._in_flight
        return None

    def _refuse_lost(self, workflow_id: str, group: Group | None) -> None:
        error = self._lost.get(workflow_id)
        if error is None and group is not None:
            error = group.lost.get(workflow_id)  # it was lost, and nobody runs it any more
        if error is not None:
            raise _told_anew(error)

    async def _looked_at(self, group: Group) -> None:
        """Wait until a group is stored, or an attempt at that or at the one before has failed."""
        waiting = asyncio.get_running_loop().create_future()
        group.waiting.append(waiting)
        self._wake()
        await waiting

    def _wake(self) -> None:
        """Let the writer begin, after what is ready to run now has added to the group."""
        if self._idle is not None:
            if self._group.rows:
                self._idle.set_result(None)
                self._idle = None
        elif self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(
                self._write(), name="opcode journal", context=contextvars.Context()
            )

    async def _write(self) -> None:
        """Store group after group, for as long as the journal is open."""
        while True:
            if not self._group.rows:
                self._idle = asyncio.get_running_loop().create_future()
                await self._idle
            group, self._group = self._group, Group()
            group.seal()
            self._in_flight = group
            self._called = True
            await self._store(group)
            self._in_flight = None
            self._called = bool(self._group.rows)
            group.done = True
            _tell(group)
            del group  # it may be large, and the next one may be long in coming

    async def _store(self, group: Group) -> None:
        """Store a group, however often that has to be tried."""
        work, pauses = group.work(), iter(_PAUSES)
        while group.rows:
            try:
                await self._database.commit(work)
            except StoreError as error:
                if not is_passing(error):
                    logger.error(
                        "events cannot be stored", extra={"data": {"error": error.message}}
                    )
                    await self._store_parts(group, error)
                    return
                self._fail(group, error)
                if not group.rows:
                    break
                await self._rest(next(pauses, _PAUSES[-1]))
                if not is_unknown(error):
                    work = group.work()  # something may have been taken out of it
            except Exception as error:  # noqa: BLE001 - whatever it was, these events are not in the log
                logger.error("events could not be stored", exc_info=error)
                await self._store_parts(
                    group, StoreError("the events could not be stored", {"reason": "io"})
                )
                return
            else:
                crashpoints.point("group stored")
                break
        if self._failure is not None and group.rows:
            logger.info("events are stored again")
        self._failure = None

    def _fail(self, group: Group, error: StoreError) -> None:
        """Tell everybody who waits, and give up what has just begun: who began it is told that it did not."""
        if self._failure is None:
            logger.error("events could not be stored", extra={"data": {"error": error.message}})
        self._failure = error
        begun = self._group.begun if is_unknown(error) else self._group.begun | group.begun
        self._lose(list(begun), error)
        _tell(group)
        _tell(self._group)

    async def _rest(self, seconds: float) -> None:
        """Pause; not for long when nothing is left to be stored, or the end is near."""
        self._resting = True
        self._stirred.clear()
        try:
            if self._closing:
                seconds = _PAUSES[0]
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            pass
        finally:
            self._resting = False

    async def _store_parts(self, group: Group, error: StoreError) -> None:
        """Store what can be stored of a group that cannot be stored whole, and lose the rest."""
        parts = group.parts()
        for part in parts:
            try:
                if len(parts) > 1:
                    await self._database.commit(part.work())
                    continue
            except Exception:  # noqa: BLE001 - the same as for the whole group
                logger.error(
                    "a workflow lacks events", extra={"data": {"workflow_id": part.rows[0][0]}}
                )
            self._lose(part.workflows(), error)

    def _lose(self, workflow_ids: list[str], error: StoreError) -> None:
        """Note which workflows lack events in the log, and drop what was meant to follow."""
        for workflow_id in workflow_ids:
            self._lost[workflow_id] = error
        if self._in_flight is not None:
            self._in_flight.remove(workflow_ids, error)
        self._group.remove(workflow_ids, error)
        if not self._group.rows:  # no commit will come for who waits for what was dropped
            _tell(self._group)

    def _told(self) -> dict[str, str]:
        return {"error": "" if self._failure is None else self._failure.message}


def _tell(group: Group) -> None:
    """Let everybody who waits for a group look at what came of it."""
    for waiting in group.waiting:
        if not waiting.done():
            waiting.set_result(None)
    group.waiting = []


def _told_anew(error: StoreError) -> StoreError:
    """The same as an exception of its own: one that is raised again and again gathers all the places it was."""
    return StoreError(error.message, error.details)
