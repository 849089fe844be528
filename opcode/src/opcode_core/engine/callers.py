"""Callers that wait for a workflow to end or to be suspended, and those that watch it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from opcode_core.model.events import Event

Watch = Callable[[Event | None], None]
"""Called with each event of a workflow as it happens, and with None when it has ended or is suspended."""


class Callers:
    """Who waits for which workflow, and who watches which."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._watching: dict[str, Watch] = {}

    async def wait(self, workflow_id: str, seconds: float) -> None:
        """Wait until the workflow is told to have stopped, for so long; whoever waits may be cancelled freely."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(workflow_id, set()).add(future)
        try:
            await asyncio.wait((future,), timeout=seconds)
        finally:
            waiting = self._waiting.get(workflow_id, set())
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(workflow_id, None)

    def watch(self, workflow_id: str, watch: Watch) -> None:
        """Let somebody watch a workflow until it has ended."""
        self._watching[workflow_id] = watch

    def watcher(self, workflow_id: str) -> Watch | None:
        """Who watches a workflow; None for nobody."""
        return self._watching.get(workflow_id)

    def tell(self, workflow_id: str, *, ended: bool) -> None:
        """A workflow has stopped: it has ended, or is suspended."""
        for future in self._waiting.pop(workflow_id, ()):
            if not future.done():
                future.set_result(None)
        watch = self._watching.get(workflow_id)
        if watch is not None:
            watch(None)
        if ended:
            self._watching.pop(workflow_id, None)
