"""From a place to a descriptor: links are followed inside of the roots, and nothing is opened that must not be."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opcode_core import ActionContext, PathDeniedError

from opcode_action_fs.beneath import LeavesRootError, open_beneath
from opcode_action_fs.places import Place, find_real_place, roots


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a name stands.

    Attributes:
        folder: A descriptor of the folder it stands in.
        name: The name.
        path: The whole path, for messages.
    """

    folder: int
    name: str
    path: str

    def status(self) -> os.stat_result | None:
        """What stands there, a link not followed; None for nothing."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def sync(self) -> None:
        """Make what happened to the name durable, as far as the folder may be opened."""
        with contextlib.suppress(PermissionError):
            folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.folder)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def open_inside(place: Place, context: ActionContext, flags: int) -> int:
    """Open what is at a place; links are followed while they stay inside of the roots.

    The kernel, or the walk, refuses every link that leaves the root, absolute ones too. What such a link leads to is
    opened once more, beneath the root that it is in and without that link, so that nothing can change in between.

    Raises:
        PathDeniedError: It leads out of the roots.
        OSError: Anything else.
    """
    with contextlib.suppress(LeavesRootError):
        return _open_beneath(place, flags)
    real = find_real_place(place.path, os.path.realpath(place.path), context)
    try:
        return _open_beneath(real, flags)
    except LeavesRootError:
        raise PathDeniedError(
            f"{place.path}: the links on it go round in circles or keep changing",
            {"path": place.path},
        ) from None


def _open_beneath(place: Place, flags: int) -> int:
    # links above the root are the administrator's
    root = os.open(place.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return open_beneath(root, place.below, flags)
    finally:
        os.close(root)


def open_regular(place: Place, context: ActionContext, flags: int = os.O_RDONLY) -> int:
    """Open a regular file, never one of the server's own.

    Raises:
        PathDeniedError: It is outside, no regular file, or the server's own.
        IsADirectoryError: It is a folder.
        OSError: Anything else.
    """
    probe = open_inside(place, context, os.O_PATH)
    try:
        return reopen_regular(probe, place.path, context, flags)
    finally:
        os.close(probe)


def reopen_regular(probe: int, path: str, context: ActionContext, flags: int = os.O_RDONLY) -> int:
    """Open the very file that an `O_PATH` descriptor is of, if it is one to be opened.

    The probe neither blocks on a FIFO nor takes part in SQLite's locks; only what passed is opened.

    Raises:
        PathDeniedError: It is no regular file, or the server's own.
        IsADirectoryError: It is a folder.
        OSError: Anything else.
    """
    status = os.fstat(probe)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", path)
    refuse_special(status, path, context)
    return os.open(f"/proc/self/fd/{probe}", flags | os.O_CLOEXEC)


def refuse_special(status: os.stat_result, path: str, context: ActionContext) -> None:
    """Refuse what is no regular file, what the kernel makes up in `/proc` and `/sys`, and the server's own files.

    Raises:
        PathDeniedError: It is one of those.
    """
    if not stat.S_ISREG(status.st_mode) or status.st_dev in _made_up():
        raise PathDeniedError(f"{path} is no regular file", {"path": path})
    if (status.st_dev, status.st_ino) in context.protected_files():
        raise PathDeniedError(f"{path} is one of the server's own files", {"path": path})


def refuse_name(spot: Spot, protected: frozenset[tuple[tuple[int, int], str]]) -> None:
    """Refuse the names of the server's own files, also where nothing stands yet.

    The folder is known by what is open, not by its path: it is the same one under every path and at every later moment.

    Args:
        spot: Where something may be made, moved or deleted.
        protected: As `ActionContext.protected_names` gives them.

    Raises:
        PathDeniedError: It is one of them.
    """
    name = spot.name.casefold()
    folders = {folder for folder, own in protected if own == name}
    if folders and identity(os.fstat(spot.folder)) in folders:
        raise PathDeniedError(f"{spot.path} is one of the server's own files", {"path": spot.path})


@functools.cache
def _made_up() -> frozenset[int]:
    """The file systems whose files look regular and are a view of the kernel and of this process."""
    found = set()
    for path in ("/proc", "/sys"):
        with contextlib.suppress(OSError):
            found.add(os.stat(path).st_dev)
    return frozenset(found - {os.stat("/").st_dev})


def refuse_target(spot: Spot, context: ActionContext) -> os.stat_result | None:
    """Refuse to replace what is no regular file, and the server's own files; a link may be replaced.

    Returns:
        What stands there; None for nothing.

    Raises:
        IsADirectoryError: It is a folder.
        PathDeniedError: It is one of the others.
    """
    status = spot.status()
    if status is None or stat.S_ISLNK(status.st_mode):
        return status
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", spot.path)
    refuse_special(status, spot.path, context)
    return status


@contextmanager
def open_spot(place: Place, context: ActionContext, *, follow: bool = False) -> Iterator[Spot]:
    """Open the folder that a name stands in.

    Args:
        place: Where the name is.
        context: Where roots and the server's own files are known.
        follow: Whether a link of that name stands for what it leads to; one that leads to nothing is itself.

    Raises:
        PathDeniedError: It leads out of the roots, or is one of the server's own files.
        OSError: There is no such folder, or anything else.
    """
    if follow:
        place = _behind_link(place, context)
    above = place.folder
    try:
        folder = open_inside(above, context, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", above.path) from None
    spot = Spot(folder, place.name, place.path)
    try:
        refuse_name(spot, context.protected_names())
        yield spot
    finally:
        os.close(folder)


def _behind_link(place: Place, context: ActionContext) -> Place:
    with open_spot(place, context) as spot:
        status = spot.status()
    if status is None or not stat.S_ISLNK(status.st_mode):
        return place
    try:
        probe = open_inside(place, context, os.O_PATH)
    except FileNotFoundError:
        return place
    try:
        real = os.readlink(f"/proc/self/fd/{probe}")
        if os.fstat(probe).st_nlink == 0:  # deleted meanwhile, and its path says so in words
            return place
    finally:
        os.close(probe)
    return find_real_place(place.path, real, context)


def make_folders(place: Place, context: ActionContext) -> None:
    """Make a folder and those above it, as far as they are missing.

    Raises:
        PathDeniedError: A link on the way leads out of the roots.
        OSError: Anything else.
    """
    try:
        os.close(open_inside(place, context, os.O_PATH | os.O_DIRECTORY))
    except FileNotFoundError:
        if place.below == ".":
            raise
    else:
        return
    make_folders(place.folder, context)
    with open_spot(place, context) as spot, contextlib.suppress(FileExistsError):
        os.mkdir(spot.name, 0o777, dir_fd=spot.folder)


def identity(status: os.stat_result) -> tuple[int, int]:
    """What tells a file or folder from every other: device and inode number."""
    return status.st_dev, status.st_ino


def root_identities(context: ActionContext) -> frozenset[tuple[int, int]]:
    """The roots, whatever name they are met under."""
    found = set()
    for root in roots(context):
        with contextlib.suppress(OSError):
            found.add(identity(os.stat(root)))
    return frozenset(found)
