"""Callers that wait for a workflow to end or to be suspended."""

from __future__ import annotations

import asyncio


class Callers:
    """Who waits for which workflow."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

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

    def tell(self, workflow_id: str) -> None:
        """A workflow has stopped."""
        for future in self._waiting.pop(workflow_id, ()):
            if not future.done():
                future.set_result(None)
