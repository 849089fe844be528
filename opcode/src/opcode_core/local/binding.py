"""Making and removing the socket of a database: what the holder of its lock does."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

from opcode_core.errors import StoreError
from opcode_core.logs import logger
from opcode_core.relay import place
from opcode_core.relay.lock import lock_path


def bind(database: str) -> tuple[socket.socket, str]:
    """Bind the socket of a database, for this user alone.

    To be called by the holder of the database's lock only: a socket that is there was left behind by an earlier one,
    and is removed. What is there and is no socket stays.

    Args:
        database: The database file, from the root.

    Returns:
        The socket, not yet listening, and its path.

    Raises:
        StoreError: There is no place for it.
    """
    beside = place.beside(database)
    free = _clear(beside)
    if free and place.fits(beside):
        with contextlib.suppress(OSError):  # a file system without sockets
            return _bound(beside), beside
    try:
        short = place.short_path(lock_path(database))
        folder = place.runtime_folder()
        Path(folder).mkdir(mode=0o700, exist_ok=True)
        if not place.is_private(folder):
            raise StoreError(
                f"{folder} must be a folder of this user that nobody else can enter (mode 0700): remove it, or give "
                "the database a shorter path",
                {"reason": "io"},
            )
        if not _clear(short):
            raise StoreError(f"{short} is no socket: remove it", {"reason": "io"})
        bound = _bound(short)
    except OSError as error:
        raise StoreError(
            f"no socket can be made for {database}: {error.strerror}", {"reason": "io"}
        ) from None
    if free:
        with contextlib.suppress(OSError):
            Path(beside).symlink_to(short)
    else:
        logger.warning(
            "what is beside the database is no socket and stays", extra={"data": {"path": beside}}
        )
    return bound, short


def remove(database: str, path: str) -> None:
    """Remove the socket and what leads to it; to be called before the lock is let go."""
    _clear(path)
    _clear(place.beside(database))


def _clear(path: str) -> bool:
    """Remove a socket, or a link to one, that was left behind; whether the place is free now."""
    try:
        mode = os.lstat(path).st_mode
        ours = stat.S_ISSOCK(mode) or (stat.S_ISLNK(mode) and _is_ours(os.readlink(path)))  # noqa: PTH115 - a text
        if not ours:
            return False
        Path(path).unlink()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _is_ours(target: str) -> bool:
    """Whether a link leads to where our sockets are."""
    return target.endswith(".sock") and "opcode" in os.path.basename(os.path.dirname(target))  # noqa: PTH119, PTH120 - a text


def _bound(path: str) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(
            OSError
        ):  # on Linux what the file is made with; the umask is the whole process's
            os.fchmod(bound.fileno(), 0o600)
        bound.bind(path)
        Path(path).chmod(
            0o600
        )  # elsewhere there is a moment before; who comes in is asked for in any case
    except BaseException:
        bound.close()
        raise
    bound.setblocking(False)  # noqa: FBT003 - the signature of the library
    return bound
