"""Opening a path that cannot leave a folder, without a race.

`openat2` with RESOLVE_BENEATH (Linux 5.6) lets the kernel refuse whatever would leave; where it is missing, a walk by
directory descriptors follows no link at all.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct

_OPENAT2 = 437  # on every architecture
_RESOLVE_NO_MAGICLINKS, _RESOLVE_BENEATH = 0x02, 0x08
_TRIES = 16
_libc = ctypes.CDLL(None, use_errno=True)


class LeavesRootError(Exception):
    """The path would lead out of the folder."""


def open_beneath(folder: int, path: str, flags: int, mode: int = 0o600) -> int:
    """Open a path below a folder.

    Args:
        folder: A descriptor of the folder.
        path: The path, relative to it.
        flags: As for `os.open`.
        mode: Permissions of a file that is created.

    Returns:
        A descriptor, closed in children.

    Raises:
        LeavesRootError: The path, or a link on it, leads out of the folder.
        OSError: Anything else.
    """
    flags |= os.O_CLOEXEC
    wanted_mode = mode & 0o777 if flags & os.O_CREAT else 0
    how = struct.pack("QQQ", flags, wanted_mode, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)
    for _ in range(_TRIES):
        descriptor = int(_libc.syscall(_OPENAT2, folder, os.fsencode(path), how, len(how)))
        if descriptor >= 0:
            return descriptor
        code = ctypes.get_errno()
        if code in (errno.EXDEV, errno.ELOOP):
            raise LeavesRootError(path)
        if code in (errno.ENOSYS, errno.EPERM):
            return walk_beneath(folder, path, flags, mode)
        if code != errno.EAGAIN:  # EAGAIN: something was renamed meanwhile
            raise OSError(code, os.strerror(code), path)
    raise OSError(errno.EAGAIN, "the folders keep changing", path)


def walk_beneath(folder: int, path: str, flags: int, mode: int = 0o600) -> int:
    """The same without `openat2`; stricter: a link anywhere on the path is refused.

    Raises:
        LeavesRootError: The path goes up, or a link is on it.
        OSError: Anything else.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")] or ["."]
    if path.startswith("/") or ".." in parts:
        raise LeavesRootError(path)
    here, part = os.dup(folder), parts[-1]
    try:
        for part in parts[:-1]:
            there = os.open(
                part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here
            )
            os.close(here)
            here = there
        part = parts[-1]
        found = os.open(part, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode & 0o777, dir_fd=here)
    except OSError as error:
        if error.errno == errno.ELOOP or (error.errno == errno.ENOTDIR and _is_link(part, here)):
            raise LeavesRootError(path) from None
        raise
    finally:
        os.close(here)
    if stat.S_ISLNK(os.fstat(found).st_mode):  # O_PATH opens a link itself
        os.close(found)
        raise LeavesRootError(path)
    return found


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return True  # it changed meanwhile: the stricter answer
