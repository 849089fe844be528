"""What can go wrong with a database, in our words and with a reason that can be acted on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from opcode_core.errors import StoreError

PASSING = frozenset({"full", "busy", "io"})
"""Reasons that may be over by themselves: what could not be stored is tried again."""

_REASONS = {
    "SQLITE_FULL": ("full", "the disk is full: make room, and what waits is stored by itself"),
    "SQLITE_BUSY": ("busy", "another process holds the database"),
    "SQLITE_LOCKED": ("busy", "another process holds the database"),
    "SQLITE_CORRUPT": ("damaged", "the database is damaged: restore it from a backup"),
    "SQLITE_NOTADB": ("damaged", "the file is no database: restore it from a backup"),
    "SQLITE_READONLY": ("io", "the database cannot be written: look at its permissions"),
    "SQLITE_CANTOPEN": ("io", "the database cannot be opened: look at its folder"),
    "SQLITE_IOERR": ("io", "the disk reports an error"),
}


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """What SQLite says, in our words.

    Args:
        error: What it raised.
        path: The database.
    """
    name = getattr(error, "sqlite_errorname", "") or ""
    for prefix, (reason, text) in _REASONS.items():
        if name.startswith(prefix):
            detail = f" ({name})" if reason == "io" else ""
            return StoreError(f"{path}: {text}{detail}", {"reason": reason})
    return StoreError(f"{path}: {error}", {"reason": "engine"})  # our own mistake: no disk's


def unknown_outcome(path: Path) -> StoreError:
    """What is said when the disk has failed in the very act of storing."""
    return StoreError(
        f"{path}: the disk failed while this was being stored, and whether it was is not known yet: "
        "it is looked at again by itself; look with `query` before you repeat anything",
        {"reason": "io", "outcome": "unknown"},
    )


def is_passing(error: StoreError) -> bool:
    """Whether what could not be stored may be stored later."""
    return (error.details or {}).get("reason") in PASSING


def is_unknown(error: StoreError | None) -> bool:
    """Whether nobody knows yet if it was stored."""
    return error is not None and (error.details or {}).get("outcome") == "unknown"
