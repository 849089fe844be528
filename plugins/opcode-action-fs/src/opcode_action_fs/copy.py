"""`fs.copy`."""

from __future__ import annotations

import functools
import os
import stat

from opcode_core import ActionContext, Effect, action

from opcode_action_fs.comparing import same_tree
from opcode_action_fs.copying import copy_file, copy_folder
from opcode_action_fs.guard import Guard
from opcode_action_fs.opening import identity, open_inside, reopen_regular
from opcode_action_fs.pair import (
    PairOutput,
    PairParams,
    find_pair,
    folder_is_there,
    into_itself,
    open_target,
)
from opcode_action_fs.places import Place, our_errors
from opcode_action_fs.working import Stop, in_thread


@action("fs.copy", effect=Effect.IDEMPOTENT, touches={"src": "path", "dst": "path"})
async def copy(params: PairParams, context: ActionContext) -> PairOutput:
    """Copy a file, or a folder with all that is in it.

    What is copied appears at once, when it is complete. A file replaces a file; a folder replaces nothing, but when the
    same copy is there already, that is well. Links in a folder are copied as links. Permissions are kept.
    """
    return await in_thread(functools.partial(_copy, params, context), context)


def _copy(params: PairParams, context: ActionContext, stop: Stop) -> PairOutput:
    src, dst = find_pair(params, context)
    with our_errors(src, context):
        probe = open_inside(src, context, os.O_PATH)
        try:
            status = os.fstat(probe)
            if stat.S_ISDIR(status.st_mode):
                source = open_inside(src, context, os.O_RDONLY | os.O_DIRECTORY)
            else:
                source = reopen_regular(probe, src.path, context)
        finally:
            os.close(probe)
        try:
            status = os.fstat(source)
            size = _copy_open(source, status, (src, dst), params, Guard(context, stop))
        finally:
            os.close(source)
    is_dir = stat.S_ISDIR(status.st_mode)
    return PairOutput(src=src.path, dst=dst.path, size=size, is_dir=is_dir)


def _copy_open(
    source: int,
    status: os.stat_result,
    places: tuple[Place, Place],
    params: PairParams,
    guard: Guard,
) -> int:
    src, dst = places
    with open_target(dst, status, params, guard.context) as target:
        there = target.status()
        if there is not None and identity(there) == identity(status):
            raise into_itself(src.path)
        if not stat.S_ISDIR(status.st_mode):
            return copy_file(source, target, guard)
        if there is None:
            return copy_folder(source, target, guard)
        size = same_tree(source, target, guard) if stat.S_ISDIR(there.st_mode) else None
        if size is None:
            raise folder_is_there(dst.path)
        return size
