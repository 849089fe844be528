"""The server's own files, those that are there and those that could be: no workflow may open or make one."""

from __future__ import annotations

import os
from collections.abc import Iterator

from opcode_core.settings import Settings
from opcode_core.store.protocol import Store

Identity = tuple[int, int]


class OwnFiles:
    """The database with what stands beside it, and the settings.

    Args:
        store: Whose files they are.
        settings: Where the settings were read, or would have been.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._identities: frozenset[Identity] = frozenset()

    def identities(self) -> frozenset[Identity]:
        """Device and inode numbers of those that are there, or were while this process ran."""
        self._identities |= {found for path in self._paths() if (found := _identity(path))}
        return self._identities

    def names(self) -> frozenset[tuple[Identity, str]]:
        """Their names, each with the device and inode number of its folder; `str.casefold` is applied to them.

        SQLite takes a journal beside its database for its own, and a start takes settings that are there.
        """
        found = set()
        for path in self._paths():
            folder, name = os.path.split(path)
            if identity := _identity(folder or "."):
                found.add((identity, name.casefold()))
        return frozenset(found)

    def _paths(self) -> Iterator[str]:
        yield from self._store.files()
        file = self._settings.file or self._settings.db_path.with_name("opcode.toml")
        yield str(file)


def _identity(path: str) -> Identity | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - paths are texts here, and no file is opened
    except OSError:
        return None
    return status.st_dev, status.st_ino
