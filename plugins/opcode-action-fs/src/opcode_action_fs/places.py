"""From the path a workflow names to a descriptor inside one of the roots, and from what goes wrong to our errors."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from opcode_core import (
    ActionContext,
    ExecutionError,
    NotFoundError,
    OpcodeError,
    PathDeniedError,
    PermissionDeniedError,
    ValidationError,
)

from opcode_action_fs.beneath import LeavesRootError, open_beneath


@dataclass(frozen=True, slots=True)
class Place:
    """A path inside a root.

    Attributes:
        path: The whole path, normalised but with its links as they are.
        root: The root it is in.
        below: The path from there; `.` for the root itself.
    """

    path: str
    root: str
    below: str

    @property
    def folder(self) -> str:
        """The path of its folder, from the root."""
        return os.path.dirname(self.below) or "."

    @property
    def name(self) -> str:
        """Its last part."""
        return os.path.basename(self.below)


def find_place(path: str, context: ActionContext) -> Place:
    """Find the root a path is in.

    Args:
        path: As the workflow has it; relative ones begin in the run's working directory.
        context: Where roots and the working directory are known.

    Raises:
        ValidationError: It is empty or holds a NUL.
        PathDeniedError: It is in none of the roots; the message names the root that would be needed.
    """
    if not path or "\0" in path:
        raise ValidationError("a path must not be empty and must not hold a NUL character")
    whole = os.path.normpath(os.path.join(context.working_directory, path))
    for root in roots(context):
        if whole == root or whole.startswith(root.rstrip("/") + "/"):
            return Place(whole, root, os.path.relpath(whole, root))
    raise denied(whole, context)


def roots(context: ActionContext) -> list[str]:
    """The folders that may be touched."""
    configured = context.setting("fs.roots")
    if configured is not None:
        return [os.path.normpath(root) for root in configured]
    working = os.path.normpath(context.working_directory)
    home = str(Path.home())
    return [home if working == "/" else working, os.path.normpath(tempfile.gettempdir())]


def denied(path: str, context: ActionContext) -> PathDeniedError:
    """The error for a path outside of the roots."""
    needed = os.path.dirname(path) or "/"
    return PathDeniedError(
        f"{path} is outside of the roots: {needed} would have to be one (OPCODE_FS_ROOTS or fs.roots)",
        {"path": path, "root_needed": needed, "roots": roots(context)},
    )


def open_root(place: Place) -> int:
    """A descriptor of the root; links above it are the administrator's."""
    return os.open(place.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def open_regular(place: Place, context: ActionContext) -> int:
    """Open a regular file for reading, never one of the server's own.

    The file is looked at through a descriptor that neither blocks on a FIFO nor takes part in SQLite's locks; only then
    is that very file opened.

    Raises:
        PathDeniedError: It is outside, no regular file, or the server's own.
        IsADirectoryError: It is a folder.
        OSError: Anything else.
    """
    root = open_root(place)
    try:
        probe = open_beneath(root, place.below, os.O_PATH)
        try:
            status = os.fstat(probe)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, "it is a folder", place.path)
            refuse_special(status, place, context)
            return os.open(f"/proc/self/fd/{probe}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(probe)
    finally:
        os.close(root)


def refuse_special(status: os.stat_result, place: Place, context: ActionContext) -> None:
    """Refuse what is no regular file, and the server's own files.

    Raises:
        PathDeniedError: It is one of those.
    """
    if not stat.S_ISREG(status.st_mode):
        raise PathDeniedError(f"{place.path} is no regular file", {"path": place.path})
    if (status.st_dev, status.st_ino) in context.protected_files():
        raise PathDeniedError(
            f"{place.path} is one of the server's own files", {"path": place.path}
        )


@contextmanager
def our_errors(place: Place, context: ActionContext) -> Iterator[None]:
    """Turn what the operating system says into our errors."""
    try:
        yield
    except OpcodeError:
        raise
    except LeavesRootError:
        raise denied(os.path.realpath(place.path), context) from None
    except FileNotFoundError:
        raise NotFoundError(f"{place.path} does not exist", {"path": place.path}) from None
    except PermissionError:
        raise PermissionDeniedError(
            f"{place.path}: permission denied", {"path": place.path}
        ) from None
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        raise ExecutionError(
            f"{place.path}: {error.strerror}", {"path": place.path, "errno": name}
        ) from None
