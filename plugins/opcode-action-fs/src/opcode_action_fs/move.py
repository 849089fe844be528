"""`fs.move`."""

from __future__ import annotations

import errno
import functools
import os
import stat

from opcode_core import ActionContext, Effect, ExecutionError, action

from opcode_action_fs.copying import copy_file, copy_folder, open_checked
from opcode_action_fs.guard import Guard, open_folder
from opcode_action_fs.opening import Spot, identity, open_spot
from opcode_action_fs.pair import (
    PairOutput,
    PairParams,
    find_pair,
    folder_is_there,
    into_itself,
    open_target,
)
from opcode_action_fs.places import our_errors
from opcode_action_fs.removing import remove_tree
from opcode_action_fs.replacing import temporary_name
from opcode_action_fs.working import Stop, in_thread


@action("fs.move", effect=Effect.UNSAFE, touches={"src": "path", "dst": "path"})
async def move(params: PairParams, context: ActionContext) -> PairOutput:
    """Move a file, a link or a folder, also to another disk.

    A file replaces a file; a folder replaces nothing. A root, and a folder that holds one, a special file or the
    server's own files, stays where it is. To another disk things are copied, and deleted when the copy is complete.
    """
    return await in_thread(functools.partial(_move, params, context), context)


def _move(params: PairParams, context: ActionContext, stop: Stop) -> PairOutput:
    src, dst = find_pair(params, context)
    with our_errors(src, context), open_spot(src, context) as origin:
        status = origin.status()
        if status is None:
            raise FileNotFoundError
        size = Guard(context, stop, roots_stay=True).survey(origin)
        with open_target(dst, status, params, context) as target:
            _put(origin, status, target, Guard(context, stop, roots_stay=True))
        origin.sync()
    is_dir = stat.S_ISDIR(status.st_mode)
    return PairOutput(src=src.path, dst=dst.path, size=size, is_dir=is_dir)


def _put(origin: Spot, status: os.stat_result, target: Spot, guard: Guard) -> None:
    there = target.status()
    if there is not None and stat.S_ISDIR(status.st_mode):
        raise folder_is_there(target.path)
    if there is not None and identity(there) == identity(status):
        if _is_same_name(origin, target):
            raise into_itself(origin.path)
        os.unlink(
            origin.name, dir_fd=origin.folder
        )  # two names of one file: rename would keep both
        return
    guard.stop.check()
    try:
        os.rename(origin.name, target.name, src_dir_fd=origin.folder, dst_dir_fd=target.folder)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _carry_over(origin, status, target, guard)
        else:
            raise
    target.sync()


def _is_same_name(origin: Spot, target: Spot) -> bool:
    folders = os.fstat(origin.folder), os.fstat(target.folder)
    return origin.name == target.name and identity(folders[0]) == identity(folders[1])


def _carry_over(origin: Spot, status: os.stat_result, target: Spot, guard: Guard) -> None:
    """Move to another disk: copy, look whether the original is still the same, delete it."""
    if stat.S_ISLNK(status.st_mode):
        temporary = temporary_name()
        link = os.readlink(origin.name, dir_fd=origin.folder)
        os.symlink(link, temporary, dir_fd=target.folder)
        os.rename(temporary, target.name, src_dir_fd=target.folder, dst_dir_fd=target.folder)
    elif stat.S_ISDIR(status.st_mode):
        with open_folder(origin) as source:
            copy_folder(source, target, guard, keep_time=True)
    else:
        with open_checked(origin, guard) as source:
            copy_file(source, target, guard, keep_time=True)
    now = origin.status()
    if now is None or identity(now) != identity(status):
        raise ExecutionError(
            f"{origin.path} was replaced while it was moved: what there was is at {target.path}",
            {"src": origin.path, "dst": target.path},
        )
    # the copy is complete: to stop now would leave a part of the original
    remove_tree(origin, Guard(guard.context, Stop(), roots_stay=True, bounded=False))
