"""The first thing an MCP server does: find out whether it is the engine of its database, or a relay to it."""

from __future__ import annotations

import os

from opcode_core.relay.handover import Handover
from opcode_core.relay.lock import database_path, lock_path, take_lock
from opcode_core.relay.process import end_at_once


def attend() -> tuple[int | None, Handover] | int:
    """Relay for as long as another process is the engine.

    Returns:
        The descriptor of the lock, once this process is the engine, and what it has of its client by then; None for
        the lock if there can be none, which is the engine's to say. Or the exit code, when there is nothing more to do.
    """
    end_at_once()
    database = database_path(os.environ)
    try:
        lock = take_lock(lock_path(database))
    except OSError:
        return None, Handover()
    if lock is not None:
        return lock, Handover()
    from opcode_core.relay.pump import Relay

    return Relay(database).run()
