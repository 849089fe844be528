"""The lock that makes a process the engine of a database."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping


def database_path(environment: Mapping[str, str]) -> str:
    """The database that the environment names (`OPCODE_DB_PATH`), from the root and without links: one name a file."""
    return os.path.realpath(environment.get("OPCODE_DB_PATH") or "opcode.db")


def lock_path(database: str) -> str:
    """The lock file of a database."""
    return database + ".lock"


def take_lock(path: str, *, wait: bool = False) -> int | None:
    """Take the lock; it goes with the process, however that ends.

    Args:
        path: The lock file; made if there is none.
        wait: Whether to wait until it is free.

    Returns:
        The descriptor that holds it; None when another process has it.

    Raises:
        OSError: The file cannot be opened, or its system has no locks.
    """
    lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(lock)
        return None
    except BaseException:
        os.close(lock)
        raise
    return lock
