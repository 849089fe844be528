"""Where the socket of a database is: beside it, or in a short place when its path is too long or taken.

`<db>.sock` is the socket itself, or a symbolic link to it.
"""

from __future__ import annotations

import os
import stat

LONGEST = 103
"""How long the path of a socket may be where it is shortest (macOS: 104 bytes with the end)."""
_LONGEST_NAME = len("/ffffffffffffffff-ffffffffffffffff.sock")


def beside(database: str) -> str:
    """The path beside a database."""
    return database + ".sock"


def fits(path: str) -> bool:
    """Whether a socket can have this path."""
    return len(os.fsencode(path)) <= LONGEST


def runtime_folder() -> str:
    """The folder for sockets that cannot be beside their database; whether it is safe is another question."""
    above = os.environ.get("XDG_RUNTIME_DIR") or ""
    folder = os.path.join(above, "opcode")
    if os.path.isabs(above) and os.path.isdir(above) and fits(folder + "x" * _LONGEST_NAME):
        return folder
    return f"/tmp/opcode-{os.geteuid()}"  # noqa: S108 - used only when it is ours and closed to others


def short_path(lock_file: str) -> str:
    """The path in that folder, named after the lock file's inode.

    Raises:
        OSError: There is no lock file.
    """
    found = os.stat(lock_file)
    return f"{runtime_folder()}/{found.st_dev:x}-{found.st_ino:x}.sock"


def is_private(folder: str) -> bool:
    """Whether a folder is this user's and nobody else can enter it."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return ours and not found.st_mode & 0o077


def find(database: str, lock_file: str) -> str | None:
    """Where the engine of a database listens, if it does; None when it does nowhere."""
    path = beside(database)
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            return os.readlink(path)
        if stat.S_ISSOCK(mode) and fits(path):
            return path
        return short_path(lock_file)
    except OSError:
        return None
