"""From the path a workflow names to a place inside one of the roots, and from what goes wrong to our errors."""

from __future__ import annotations

import errno
import os
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
    Policy,
    ValidationError,
)

from opcode_action_fs.beneath import LeavesRootError


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
    def folder(self) -> Place:
        """Where its folder is; the root's own is the root."""
        below = os.path.dirname(self.below) or "."
        path = self.path if self.below == "." else os.path.dirname(self.path)
        return Place(path, self.root, below)

    @property
    def name(self) -> str:
        """Its last part; `.` for the root itself."""
        return os.path.basename(self.below)


def find_place(path: str, context: Policy) -> Place:
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
        if is_within(whole, root):
            return Place(whole, root, os.path.relpath(whole, root))
    raise denied(whole, context)


def find_real_place(path: str, real: str, context: ActionContext) -> Place:
    """Find the root that a path without links is in.

    Args:
        path: The path as it is shown.
        real: The same without links.
        context: Where roots are known.

    Raises:
        PathDeniedError: It is in none of the roots; the message names the root that would be needed.
    """
    for root in roots(context):
        base = os.path.realpath(root)
        if is_within(real, base):
            return Place(path, base, os.path.relpath(real, base))
    raise denied(real, context)


def is_within(path: str, folder: str) -> bool:
    """Whether a normalised path is a folder or below it, by its text."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def roots(context: Policy) -> list[str]:
    """The folders that may be touched."""
    configured = context.setting("fs.roots")
    if configured is not None:
        return [os.path.normpath(root) for root in configured]
    working = os.path.normpath(context.working_directory)
    home = str(Path.home())
    return [home if working == "/" else working, os.path.normpath(tempfile.gettempdir())]


def denied(path: str, context: Policy) -> PathDeniedError:
    """The error for a path outside of the roots."""
    needed = os.path.dirname(path) or "/"
    return PathDeniedError(
        f"{path} is outside of the roots: {needed} would have to be one (OPCODE_FS_ROOTS or fs.roots)",
        {"path": path, "root_needed": needed, "roots": roots(context), "rule": "fs.roots"},
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
    except FileNotFoundError as error:
        folder = error.filename if isinstance(error.filename, str) else ""
        missing = folder if folder != place.path and is_within(place.path, folder) else place.path
        raise NotFoundError(f"{missing} does not exist", {"path": missing}) from None
    except PermissionError:
        raise PermissionDeniedError(
            f"{place.path}: permission denied", {"path": place.path}
        ) from None
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        raise ExecutionError(
            f"{place.path}: {error.strerror}", {"path": place.path, "errno": name}
        ) from None
