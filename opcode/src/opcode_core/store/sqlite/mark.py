"""The file beside the database: its lock makes one process the only user, and its text tells when history is missing.

SQLite opens an emptied database happily, and one whose write-ahead log was removed too. So this file remembers which
database it stands beside and how many transactions that had: written after each commit, so that it is never ahead of
what is stored, and never waited for.
"""

from __future__ import annotations

import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path

from opcode_core.errors import StoreError
from opcode_core.store.sqlite.connections import Durability

_TEXT = re.compile(rb"opcode 1 ([0-9a-f]{16}) (full  |normal) (\d{20})\n")

_MOST = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """What the file remembers.

    Attributes:
        instance: Which database it stands beside.
        durability: How its commits were made.
        transactions: How many it had.
    """

    instance: str
    durability: str
    transactions: int


class LockFile:
    """The file, locked; made by `take_lock`.

    Args:
        path: The file.
        descriptor: It, open and locked.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def read(self) -> Mark | None:
        """What it remembers; None for nothing, as after a power cut that came before it was written."""
        return _parse(os.pread(self._descriptor, _MOST, 0))

    def write(self, instance: str, durability: Durability, transactions: int) -> None:
        """Let it remember; a disk that has no room for it changes nothing else."""
        text = f"opcode 1 {instance} {durability:6} {transactions:020d}\n".encode()
        try:
            os.pwrite(self._descriptor, text, 0)
        except OSError:
            return  # what it says then is older, which is what it may be

    def close(self) -> None:
        """Let another process have the database."""
        os.close(self._descriptor)


def read_mark(path: Path) -> Mark | None:
    """What the file beside a database remembers, whoever holds its lock; None for nothing."""
    try:
        return _parse(path.read_bytes()[:_MOST])
    except OSError:
        return None


def _parse(text: bytes) -> Mark | None:
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    instance, durability, transactions = found.groups()
    return Mark(instance.decode(), durability.decode().strip(), int(transactions))


def take_lock(path: Path) -> LockFile:
    """Become the only user of a database; the lock goes with the process, however that ends.

    Args:
        path: The file beside the database.

    Raises:
        StoreError: Another process has it, or it cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror}; OPCODE_DB_PATH names another place",
            {"reason": "io"},
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StoreError(
            f"another process uses this database (it holds {path}): end it, or name another one with OPCODE_DB_PATH",
            {"reason": "busy"},
        ) from None
    return LockFile(path, descriptor)
