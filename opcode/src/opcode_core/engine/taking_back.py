"""Signals while the store fails: nobody waits for it, and what was woken is put back to where the log has it."""

from __future__ import annotations

import asyncio

from opcode_core import crashpoints
from opcode_core.engine.alarms import Alarms
from opcode_core.engine.live import LiveWorkflow
from opcode_core.errors import StoreError
from opcode_core.store.protocol import Store

_LOOK_SECONDS = 0.5
"""How long it may take until it is noticed that the store fails."""


async def stored_or_taken_back(
    store: Store, live: LiveWorkflow, alarms: Alarms, *, in_memory: bool
) -> None:
    """Wait until what a signal has changed is stored.

    A workflow that was in memory before keeps the signal, and it is stored with the rest of what happened there; so
    does one of which nobody knows whether it is stored.

    Args:
        store: Where it is stored.
        live: The workflow, with the signal; it may run already.
        alarms: When workflows are due.
        in_memory: Whether it was in memory before.

    Raises:
        StoreError: It could not be stored.
    """
    workflow_id, journal = live.state.workflow_id, store.journal
    try:
        await journal.stored(workflow_id)
        crashpoints.point("signal stored")
    except StoreError as error:
        if not in_memory and journal.drop(workflow_id):
            await live.take_back(error)
            await _sleep_on(store, workflow_id, alarms)
        raise
    finally:
        if not in_memory and live.task is None:
            journal.forget(workflow_id)


async def ended(store: Store, live: LiveWorkflow) -> None:
    """Wait until a workflow that was cancelled has ended; not for a store that fails.

    Raises:
        StoreError: That it was cancelled cannot be stored yet, or is lost.
    """
    while live.task is not None and not live.task.done():
        await asyncio.wait((live.task,), timeout=_LOOK_SECONDS)
        if not live.task.done():
            await store.journal.stored(live.state.workflow_id)
    if live.lost is not None:
        raise live.lost


async def _sleep_on(store: Store, workflow_id: str, alarms: Alarms) -> None:
    """Let a workflow that was not woken after all be woken when it is time."""
    state = await store.state_of(workflow_id)
    wakes_at = None if state is None or state.status != "suspended" else state.wakes_at()
    if wakes_at is not None:
        alarms.set(workflow_id, wakes_at / 1e6)
