"""Calls of relays while the engine ends: answered as long as they can be, else left to the next engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from opcode_core.mcp.tools import ToolCalls
from opcode_core.model.requests import Call

_CHANGES = tuple(f"opcode{mark}{verb}" for mark in "._" for verb in ("define", "run", "signal"))


class RelayedCalls:
    """Tool calls of a relay's client.

    What the engine could only answer as one that ends (it begins nothing any more, a workflow is still `active`) has no
    answer from it at all: the relay asks the next engine.

    Args:
        calls: Answers them.
        leaving: Set when the engine ends; the connection of whoever waits here is cut when it has.
    """

    def __init__(self, calls: ToolCalls, leaving: asyncio.Event) -> None:
        self._calls = calls
        self._leaving = leaving

    async def call(
        self, name: str, given: Any, call: Call | None = None
    ) -> tuple[dict[str, Any], bool]:
        """Answer one call; see `ToolCalls.call`."""
        changes = name in _CHANGES
        if changes and self._leaving.is_set():
            await _cut_off()
        body, refused = await self._calls.call(name, given, call)
        waited = changes or (isinstance(given, Mapping) and bool(given.get("wait_ms")))
        unfinished = refused or body.get("status") == "active"
        if waited and unfinished and self._leaving.is_set():
            await _cut_off()
        return body, refused


async def _cut_off() -> None:
    await asyncio.Event().wait()
