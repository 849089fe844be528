"""What a walk through a tree may touch, and how far it may go."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from opcode_core import ActionContext, LimitExceededError, PathDeniedError

from opcode_action_fs.opening import (
    Spot,
    identity,
    refuse_name,
    refuse_special,
    root_identities,
)
from opcode_action_fs.working import Stop

MAX_ENTRIES = 1_000_000
"""How many names one walk may meet."""
MAX_DEPTH = 100
"""How many folders may be inside each other."""


class Guard:
    """Counts what a walk meets and refuses what it must not touch.

    Args:
        context: Where roots and the server's own files are known.
        stop: Whether the walk is still wanted.
        roots_stay: Whether a root itself is refused: it may be copied, but neither moved nor deleted.
        bounded: Whether there is a limit; what is our own, or was counted before, has none.
    """

    def __init__(
        self, context: ActionContext, stop: Stop, *, roots_stay: bool = False, bounded: bool = True
    ) -> None:
        self.context = context
        self.stop = stop
        self._protected = context.protected_names()
        self._roots = root_identities(context) if roots_stay else frozenset()
        self._entries_left = MAX_ENTRIES if bounded else sys.maxsize
        self._max_depth = MAX_DEPTH if bounded else sys.maxsize

    def names(self, folder: int, path: str, depth: int) -> list[str]:
        """The names in a folder, sorted.

        Args:
            folder: A descriptor of it.
            path: Its path, for messages.
            depth: How many folders of the walk it is inside of.

        Raises:
            LimitExceededError: The walk went too far.
            StoppedError: It is not wanted any more.
        """
        if depth > self._max_depth:
            raise LimitExceededError(
                f"{path}: more than {MAX_DEPTH} folders inside each other", {"limit": MAX_DEPTH}
            )
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                self.stop.check()
                self._entries_left -= 1
                if self._entries_left < 0:
                    raise LimitExceededError(
                        f"{path}: more than {MAX_ENTRIES} files and folders", {"limit": MAX_ENTRIES}
                    )
                found.append(entry.name)
        return sorted(found)

    def refuse(self, status: os.stat_result, spot: Spot) -> None:
        """Refuse a special file, the server's own files, and a root if it has to stay; links and folders pass.

        Raises:
            PathDeniedError: It is one of those.
        """
        if stat.S_ISDIR(status.st_mode):
            if identity(status) in self._roots:
                raise PathDeniedError(f"{spot.path} is a root itself", {"path": spot.path})
        elif not stat.S_ISLNK(status.st_mode):
            refuse_special(status, spot.path, self.context)
        refuse_name(spot, self._protected)

    def survey(self, spot: Spot, depth: int = 0) -> int:
        """Look through a tree for what must not be touched, before anything is.

        Returns:
            The bytes in its files.

        Raises:
            PathDeniedError: There is such a thing in it.
        """
        status = spot.status()
        if status is None:
            return 0
        self.refuse(status, spot)
        if not stat.S_ISDIR(status.st_mode):
            return status.st_size if stat.S_ISREG(status.st_mode) else 0
        with open_folder(spot) as folder:
            return sum(
                self.survey(Spot(folder, name, f"{spot.path}/{name}"), depth + 1)
                for name in self.names(folder, spot.path, depth)
            )


@contextmanager
def open_folder(spot: Spot) -> Iterator[int]:
    """Open a folder that is no link.

    Raises:
        OSError: It is none, or anything else.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.open(spot.name, flags, dir_fd=spot.folder)
    try:
        yield folder
    finally:
        os.close(folder)
