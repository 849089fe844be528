"""Waiting without holding anything: the points a workflow waits at, and what happens when nothing else can run.

While something of a workflow runs, whoever waits in it does so in memory. When everything waits, the workflow is
quiet: if only others can bring it on it is suspended, and unwound, so that nothing of it stays in memory; if a pause of
its own will, it stays, or is unwound when the pause is long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol

from opcode_core.moments import Alarm

PointKind = Literal["pause", "child", "outside"]
"""What ends a wait: time alone, a child that runs, or somebody else."""


class Parked(BaseException):
    """Everything waits, or the process is about to end: what runs is unwound, to go on from its state later."""


class Stopped(BaseException):
    """Something beside it has failed: it begins nothing new, and waits for nobody."""


class Withdrawn(BaseException):
    """A signal has changed the state of a step: what waits in it ends, and it is looked at again.

    Args:
        step_id: The step.
    """

    def __init__(self, step_id: str) -> None:
        super().__init__(step_id)
        self.step_id = step_id


class Scope:
    """A part of a workflow that can be told to begin nothing new.

    Args:
        outer: The part around it; None for the whole workflow.
    """

    __slots__ = ("_outer", "_stopped")

    def __init__(self, outer: Scope | None = None) -> None:
        self._outer = outer
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether it, or a part around it, is to begin nothing new."""
        return self._stopped or (self._outer is not None and self._outer.stopped)

    def stop(self) -> None:
        """Let it begin nothing new."""
        self._stopped = True


SCOPE: ContextVar[Scope] = ContextVar("opcode scope")
"""The part of its workflow that the current task belongs to."""


class Point:
    """Somebody who waits.

    Attributes:
        step_id: The full id of the step that waits.
        kind: What ends the wait.
        due: When it ends in any case, in seconds since 1970; None for never.
        scope: The part of the workflow it belongs to.
        future: Done when the wait is over.
    """

    __slots__ = ("due", "future", "kind", "scope", "step_id")

    def __init__(
        self, step_id: str, kind: PointKind, due: float | None, future: asyncio.Future[None]
    ) -> None:
        self.step_id = step_id
        self.kind = kind
        self.due = due
        self.scope = SCOPE.get()
        self.future = future


class AlarmClock(Protocol):
    """Calls back when it is time (`Runtime`)."""

    def alarm(self, when: float, call: Callable[[], None]) -> Alarm:
        """Call when it is so many seconds since 1970; at once when it was."""
        ...


class Waits:
    """Who waits in one workflow, and how much of it is busy.

    Every task of the workflow has one token while it can go on by itself. A task that waits at a point gives its token
    back; when nobody has one, the workflow is quiet.

    Args:
        clock: Calls back when a wait is over by time.
        quiet: Called when everything waits.
    """

    def __init__(self, clock: AlarmClock, quiet: Callable[[], None]) -> None:
        self._clock = clock
        self._quiet = quiet
        self._points: dict[Point, None] = {}
        self._deadlines: list[float] = []
        self._busy = 1
        self._early: set[str] = set()
        self._unwinding = False
        self._check: asyncio.Handle | None = None

    @property
    def points(self) -> list[Point]:
        """Who waits."""
        return list(self._points)

    @property
    def unwinding(self) -> bool:
        """Whether everybody is being let go."""
        return self._unwinding

    @property
    def next_due(self) -> float | None:
        """When the first wait or deadline ends by time; None for never."""
        times = [point.due for point in self._points if point.due is not None]
        return min([*times, *self._deadlines], default=None)

    @contextmanager
    def deadline(self, when: float) -> Iterator[None]:
        """Let the workflow be woken at this time, while the context lasts."""
        self._deadlines.append(when)
        try:
            yield
        finally:
            if not self._unwinding:
                self._deadlines.remove(when)

    def take(self) -> None:
        """One more task can go on by itself."""
        self._busy += 1

    @asynccontextmanager
    async def hold(self, lock: asyncio.Lock) -> AsyncIterator[None]:
        """Hold a lock; while another task of the workflow has it, this one cannot go on by itself.

        Raises:
            Parked: The workflow is unwound.
        """
        self.give()
        try:
            await lock.acquire()
        finally:
            self.take()
        try:
            if self._unwinding:
                raise Parked
            yield
        finally:
            lock.release()

    def give(self) -> None:
        """One task fewer can."""
        self._busy -= 1
        if self._busy == 0 and self._check is None:
            self._check = asyncio.get_running_loop().call_soon(self._look)

    async def wait(self, step_id: str, kind: PointKind, due: float | None = None) -> None:
        """Wait until somebody wakes this step, or until it is due.

        Args:
            step_id: The full id of the step that waits.
            kind: What ends the wait.
            due: Seconds since 1970; None for no end by time.

        Raises:
            Parked: The workflow is unwound.
            Stopped: Nobody is to be waited for in this part of the workflow.
            Withdrawn: A signal has changed the step.
        """
        if self._unwinding:
            raise Parked
        if kind == "outside" and SCOPE.get().stopped:
            raise Stopped
        if step_id in self._early:
            self._early.discard(step_id)
            return
        future = asyncio.get_running_loop().create_future()
        point = Point(step_id, kind, due, future)
        self._points[point] = None
        alarm = None if due is None else self._clock.alarm(due, lambda: self._end(point))
        self.give()
        try:
            await future
        finally:
            if alarm is not None:
                alarm.cancel()
            if not future.done() or future.cancelled():
                self._points.pop(point, None)
                self.take()

    def wake(self, step_id: str) -> bool:
        """Let a step that waits, or is about to, look again; say whether it waits."""
        found = [point for point in self._points if point.step_id == step_id]
        for point in found:
            self._end(point)
        if not found:
            self._early.add(step_id)
        return bool(found)

    def withdraw(self, step_id: str) -> None:
        """Let a step that waits, and what waits inside it, notice that a signal has changed it."""
        for point in self.points:
            if point.step_id == step_id or point.step_id.startswith(step_id + "."):
                self._end(point, Withdrawn(step_id))

    def stop(self, scope: Scope) -> None:
        """Let a part of the workflow begin nothing new, and wait for nobody."""
        scope.stop()
        for point in self.points:
            if point.kind == "outside" and point.scope.stopped:
                self._end(point, Stopped())

    def unwind(self) -> None:
        """Let everybody who waits go, to begin again from the state later."""
        self._unwinding = True
        for point in self.points:
            self._end(point, Parked())

    def _end(self, point: Point, raised: BaseException | None = None) -> None:
        if point.future.done():
            return
        self._points.pop(point, None)
        self.take()
        if raised is None:
            point.future.set_result(None)
        else:
            point.future.set_exception(raised)

    def _look(self) -> None:
        self._check = None
        cancelled = any(point.future.done() for point in self._points)  # it goes on in a moment
        if self._busy == 0 and not self._unwinding and not cancelled:
            self._quiet()
