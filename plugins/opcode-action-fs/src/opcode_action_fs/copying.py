"""Copying files and trees by their descriptors, so that no link is followed and nothing special is opened."""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from opcode_core import ValidationError

from opcode_action_fs.guard import Guard, open_folder
from opcode_action_fs.opening import Spot, identity, reopen_regular
from opcode_action_fs.removing import remove_tree
from opcode_action_fs.replacing import replacing, temporary_name
from opcode_action_fs.working import Stop

_PIECE = 1 << 20
_PERMISSIONS = 0o777
_libc = ctypes.CDLL(None, use_errno=True)


def copy_file(source: int, target: Spot, guard: Guard, *, keep_time: bool = False) -> int:
    """Copy an open regular file to a spot, whole or not at all, with its permissions.

    Args:
        source: A descriptor of the file.
        target: Where to.
        guard: Whether the work is still wanted, and what must not be replaced.
        keep_time: Whether the copy says that it was changed when the file was.

    Returns:
        Its size in bytes.
    """
    status = os.fstat(source)
    with replacing(target, status.st_mode & _PERMISSIONS, guard.context) as file:
        size = _pour(source, file.fileno(), status.st_size, guard.stop)
        if keep_time:
            os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
    return size


def copy_folder(source: int, target: Spot, guard: Guard, *, keep_time: bool = False) -> int:
    """Copy an open folder to a spot where nothing is, whole or not at all; links are copied as links.

    Args:
        source: A descriptor of the folder.
        target: Where to.
        guard: What must not be touched.
        keep_time: Whether the copies say that they were changed when the originals were.

    Returns:
        The bytes in its files.

    Raises:
        PathDeniedError: There is something in it that must not be touched.
        ValidationError: It would be copied into itself.
        OSError: Anything else.
    """
    building = Spot(target.folder, temporary_name(), target.path)
    os.mkdir(building.name, 0o700, dir_fd=building.folder)
    try:
        with open_folder(building) as made:
            size = _Copying(guard, identity(os.fstat(made)), keep_time).fill(
                source, made, target.path
            )
            _sync_all(made)
        os.rename(building.name, target.name, src_dir_fd=building.folder, dst_dir_fd=target.folder)
    except BaseException:
        remove_tree(building, Guard(guard.context, Stop(), bounded=False))
        raise
    target.sync()
    return size


class _Copying:
    """One copy of a tree.

    Args:
        guard: What must not be touched.
        made: The folder that is being made, which is not to be copied into itself.
        keep_time: Whether times are kept.
    """

    def __init__(self, guard: Guard, made: tuple[int, int], keep_time: bool) -> None:  # noqa: FBT001 - see above
        self._guard = guard
        self._made = made
        self._keep_time = keep_time

    def fill(self, source: int, target: int, path: str, depth: int = 0) -> int:
        """Copy what is in one open folder into another; the bytes in its files."""
        size = 0
        for name in self._guard.names(source, path, depth):
            size += self._copy(Spot(source, name, f"{path}/{name}"), target, depth)
        status = os.fstat(source)
        os.fchmod(target, status.st_mode & _PERMISSIONS)
        if self._keep_time:
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        return size

    def _copy(self, spot: Spot, target: int, depth: int) -> int:
        status = spot.status()
        if status is None:
            return 0
        self._guard.refuse(status, spot)
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(spot.name, dir_fd=spot.folder), spot.name, dir_fd=target)
            return 0
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(spot.name, 0o700, dir_fd=target)
            with (
                open_folder(spot) as folder,
                open_folder(Spot(target, spot.name, spot.path)) as made,
            ):
                if identity(os.fstat(folder)) == self._made:
                    raise ValidationError(f"{spot.path}: a folder cannot be copied into itself")
                return self.fill(folder, made, spot.path, depth + 1)
        return self._copy_file(spot, target)

    def _copy_file(self, spot: Spot, target: int) -> int:
        with open_checked(spot, self._guard) as source:
            status = os.fstat(source)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            made = os.open(spot.name, flags, 0o600, dir_fd=target)
            try:
                size = _pour(source, made, status.st_size, self._guard.stop)
                os.fchmod(made, status.st_mode & _PERMISSIONS)
                if self._keep_time:
                    os.utime(made, ns=(status.st_atime_ns, status.st_mtime_ns))
            finally:
                os.close(made)
        return size


@contextmanager
def open_checked(spot: Spot, guard: Guard) -> Iterator[int]:
    """Open a regular file that is no link and none of the server's own.

    Raises:
        PathDeniedError: It is.
        OSError: Anything else.
    """
    flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
    probe = os.open(spot.name, flags, dir_fd=spot.folder)
    try:
        source = reopen_regular(probe, spot.path, guard.context)
    finally:
        os.close(probe)
    try:
        yield source
    finally:
        os.close(source)


def _pour(source: int, target: int, size: int, stop: Stop) -> int:
    """Copy as many bytes as the file had when it was opened; one that grows has no end."""
    done = 0
    while done < size:
        stop.check()
        piece = os.read(source, min(_PIECE, size - done))
        if not piece:
            break
        left = memoryview(piece)
        while left:
            left = left[os.write(target, left) :]
        done += len(piece)
    return done


def _sync_all(folder: int) -> None:
    """Make a whole tree durable at once: a call for each file would take longer than the copy."""
    if _libc.syncfs(folder) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
