"""When to look at workflows that are not in memory."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from opcode_core.moments import Alarm, Clock


class Alarms:
    """Times at which workflows are due: one alarm of the clock for the first of them.

    Args:
        clock: Calls back.
        due: Called with each workflow whose time has come.
    """

    def __init__(self, clock: Clock, due: Callable[[str], None]) -> None:
        self._clock = clock
        self._due = due
        self._times: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._alarm: Alarm | None = None
        self._armed_for: float | None = None

    def __len__(self) -> int:
        return len(self._times)

    def set(self, workflow_id: str, when: float) -> None:
        """Let a workflow be due at this time, in seconds since 1970, and at no other."""
        self._times[workflow_id] = when
        heapq.heappush(self._heap, (when, workflow_id))
        self._arm()

    def clear(self, workflow_id: str) -> None:
        """Let a workflow not be due."""
        self._times.pop(workflow_id, None)

    def close(self) -> None:
        """Let none be due any more."""
        self._times.clear()
        self._heap.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _arm(self) -> None:
        """Have the clock call for the first one."""
        while self._heap and self._times.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        first = self._heap[0][0] if self._heap else None
        if first is None or (self._alarm is not None and self._armed_for == first):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._armed_for = first
        self._alarm = self._clock.alarm(first, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            when, workflow_id = heapq.heappop(self._heap)
            if self._times.get(workflow_id) == when:
                del self._times[workflow_id]
                self._due(workflow_id)
        self._arm()
