"""Taking up, at start, what did not end before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from opcode_core.store.protocol import Store

_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What did not end before.

    Attributes:
        going_on: The workflows that go on by themselves.
        sleeping: Those that wait for others, and when a deadline of theirs passes, in seconds since 1970.
        orphans: Those whose parent has ended without them, which had no time to cancel them.
    """

    going_on: list[str]
    sleeping: list[tuple[str, float]]
    orphans: list[str]


async def leftovers(store: Store) -> Leftovers:
    """Find what did not end before; a workflow whose child has ended is looked at in any case."""
    unfinished = await store.list_unfinished()
    rows = [row for row in unfinished if not row.orphaned]
    return Leftovers(
        [row.workflow_id for row in rows if row.status == "active" or row.child_ended],
        [
            (row.workflow_id, row.wakes_at / 1e6)
            for row in rows
            if row.status != "active" and not row.child_ended and row.wakes_at is not None
        ],
        [row.workflow_id for row in unfinished if row.orphaned],
    )


async def in_turn(workflow_ids: Sequence[str], resume: Callable[[str], Awaitable[None]]) -> None:
    """Resume workflows, a few at a time."""
    waiting = iter(workflow_ids)

    async def work_through() -> None:
        for workflow_id in waiting:
            await resume(workflow_id)

    await asyncio.gather(*(work_through() for _ in range(min(_AT_ONCE, len(workflow_ids)))))
