"""Tasks of one workflow side by side: none outlives the group, and the first trouble is told once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from opcode_core.engine.failures import StepFailedError, is_final
from opcode_core.engine.waiting import SCOPE, Parked, Scope, Stopped, Waits
from opcode_core.errors import OpcodeError

T = TypeVar("T")
Work = Callable[[], Awaitable[Any]]


class Group:
    """Tasks that run side by side, until all of them have ended.

    A failure that ends the whole workflow cancels the others; after any other they end by themselves.

    Args:
        waits: The workflow's.
    """

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._scope = Scope(SCOPE.get())
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[None] | None = None
        self._error: OpcodeError | None = None
        self._trouble: BaseException | None = None
        self._parked = False
        self._stopped = False
        self._keeper: asyncio.Task[Any] | None = None

    @property
    def failed(self) -> bool:
        """Whether one of the tasks has failed, or another part of the workflow."""
        return self._error is not None or self._scope.stopped

    def spawn(self, work: Work) -> None:
        """Let one more thing run in the group."""
        self._waits.take()
        task = asyncio.get_running_loop().create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._end)  # also of one that is cancelled before it has begun

    async def join(self) -> None:
        """Wait until all have ended.

        Raises:
            OpcodeError: The first failure.
            Parked: They were unwound.
            Stopped: They ended early because something else has failed.
        """
        await self._wait()
        if self._trouble is not None:
            raise self._trouble
        if self._parked:
            raise Parked
        if self._error is not None:
            raise self._error
        if self._stopped:
            raise Stopped

    async def _wait(self) -> None:
        if not self._tasks:
            return
        self._ended = asyncio.get_running_loop().create_future()
        self._waits.give()  # the tasks have tokens of their own; the last one to end hands its token back
        try:
            await self._ended
        except asyncio.CancelledError:
            self._waits.take()  # whoever cancels is busy with it
            for task in self._tasks:
                task.cancel()
            while self._tasks:
                with contextlib.suppress(asyncio.CancelledError):  # once more: they end already
                    await asyncio.wait(self._tasks)
            self._waits.give()
            raise

    def _cancel_others(self) -> None:
        """Cancel all but the current task, which keeps its token until they have ended."""
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        if self._keeper is None:
            self._keeper = current

    async def _run(self, work: Work) -> None:
        SCOPE.set(Scope(self._scope))
        try:
            await work()
        except Parked:
            self._parked = True
        except Stopped:
            self._stopped = True
        except OpcodeError as error:
            self.fail(error)
        except asyncio.CancelledError:
            pass  # whoever cancelled it tells why
        except BaseException as raised:  # noqa: BLE001 - it is raised by `join`
            self._trouble = self._trouble or raised
            self._cancel_others()

    def _end(self, task: asyncio.Task[None]) -> None:
        """A task has ended: its token goes back, or on to whoever waits for the group."""
        self._tasks.discard(task)
        last = not self._tasks and self._ended is not None
        if last and self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        handed_on = self._keeper is task if self._keeper is not None else last
        if not handed_on:
            self._waits.give()

    def fail(self, error: OpcodeError) -> None:
        """Let the group have failed; the first failure is told, or the first that nothing may handle."""
        if self._error is None or (is_final(error) and not is_final(self._error)):
            self._error = error
        if isinstance(error, StepFailedError) and error.cancels:
            self._cancel_others()


class FailFast(Group):
    """A group whose first failure lets the others begin nothing new."""

    def fail(self, error: OpcodeError) -> None:
        """Let the group have failed."""
        super().fail(error)
        self._waits.stop(self._scope)


class Race(Group):
    """A group of which one is to succeed."""

    _won = False

    def win(self) -> bool:
        """Claim the race for the current task: the others are cancelled. Says whether it is the first to claim it."""
        if self._won:
            return False
        self._won = True
        self._cancel_others()
        return True

    async def join(self) -> None:
        """Wait until one has won and the others have ended, or all have failed.

        Raises:
            OpcodeError: All failed, and this was the first; or one that nothing may handle.
            Parked: They were unwound.
            Stopped: They ended early because something else has failed.
        """
        await self._wait()
        if self._trouble is not None:
            raise self._trouble
        if self._won:
            return
        if self._parked:
            raise Parked
        if self._stopped:
            raise Stopped
        if self._error is not None:
            raise self._error

    def fail(self, error: OpcodeError) -> None:
        """Let the group have failed."""
        super().fail(error)
        if isinstance(error, StepFailedError) and error.final and not self._won:
            self._error = error
            self._stopped = False
            self._cancel_others()


async def side_by_side(
    waits: Waits, works: Sequence[Callable[[], Awaitable[T]]], at_once: int | None = None
) -> list[T]:
    """Do several things at once, at most `at_once` of them.

    Returns:
        What they gave, in their order.

    Raises:
        OpcodeError: The first failure.
    """
    results: dict[int, T] = {}
    group = FailFast(waits)
    waiting = iter(enumerate(works))

    async def work_through() -> None:
        begun = False
        for index, work in waiting:
            if begun and group.failed:
                raise Stopped
            begun = True  # what is to run at once begins at once, also when one of it fails at once
            results[index] = await work()

    for _ in range(min(len(works), at_once or len(works))):
        group.spawn(work_through)
    await group.join()
    return [results[index] for index in range(len(works))]
