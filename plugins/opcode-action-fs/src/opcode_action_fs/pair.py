"""What `fs.copy` and `fs.move` have in common: from where, to where, and what may stand there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from opcode_core import ActionContext, Output, Params, ValidationError
from pydantic import Field

from opcode_action_fs.opening import Spot, identity, make_folders, open_spot, refuse_target
from opcode_action_fs.places import Place, find_place, is_within, our_errors


class PairParams(Params):
    """From where, and to where."""

    src: str = Field(description="The file or folder.")
    dst: str = Field(description="Its new path: of the thing itself, not of a folder to put it in.")
    create_dirs: bool = Field(default=False, description="Make the folders that are missing.")


class PairOutput(Output):
    """What is there now."""

    src: str = Field(description="The full path of what was there.")
    dst: str = Field(description="The full path of what is there now.")
    size: int = Field(description="Bytes in the file, or in all files of the folder.")
    is_dir: bool = Field(description="Whether it is a folder.")


def find_pair(params: PairParams, context: ActionContext) -> tuple[Place, Place]:
    """The places of both ends.

    Raises:
        ValidationError: The one is the other, or a folder above it.
        PathDeniedError: One is outside of the roots.
    """
    src, dst = find_place(params.src, context), find_place(params.dst, context)
    if is_within(dst.path, src.path):
        raise into_itself(src.path)
    return src, dst


@contextmanager
def open_target(
    dst: Place, source: os.stat_result, params: PairParams, context: ActionContext
) -> Iterator[Spot]:
    """The spot at the other end, where something may be put.

    A link that is there stands for what it leads to.

    Args:
        dst: The other end.
        source: The status of what is to be put there.
        params: Whether folders are made.
        context: Where roots and the server's own files are known.

    Raises:
        ValidationError: What is put there is a folder above it.
        IsADirectoryError: A file would replace a folder.
        PathDeniedError: What is there must not be replaced.
    """
    with our_errors(dst, context):
        if params.create_dirs:
            make_folders(dst.folder, context)
        with open_spot(dst, context, follow=True) as spot:
            if stat.S_ISDIR(source.st_mode):
                _refuse_below(spot.folder, source, params.src)
            else:
                refuse_target(spot, context)
            yield spot


def folder_is_there(path: str) -> FileExistsError:
    """The error for a folder that would have to replace something."""
    return FileExistsError(
        errno.EEXIST, "something is there already, and a folder replaces nothing", path
    )


def into_itself(path: str) -> ValidationError:
    """The error for a path that would go into itself."""
    return ValidationError(f"{path} cannot be copied or moved into itself", {"path": path})


def _refuse_below(folder: int, source: os.stat_result, path: str) -> None:
    """Refuse a folder that is the source or below it, whatever the paths say."""
    here = os.dup(folder)
    try:
        while True:
            status = os.fstat(here)
            if identity(status) == identity(source):
                raise into_itself(path)
            above = os.open("..", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = above
            if identity(os.fstat(here)) == identity(status):
                return  # the root of the file system
    finally:
        os.close(here)
