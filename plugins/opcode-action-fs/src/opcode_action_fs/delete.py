"""`fs.delete`."""

from __future__ import annotations

import functools
import os
import stat

from opcode_core import ActionContext, Effect, Output, Params, action
from pydantic import Field

from opcode_action_fs.guard import Guard
from opcode_action_fs.opening import Spot, open_spot
from opcode_action_fs.places import find_place, our_errors
from opcode_action_fs.removing import remove_tree
from opcode_action_fs.working import Stop, in_thread


class DeleteParams(Params):
    """What to delete."""

    path: str = Field(description="The file, link or folder; a link is deleted, not followed.")
    recursive: bool = Field(default=False, description="Delete a folder with what is in it.")


class DeleteOutput(Output):
    """Whether there was anything."""

    path: str = Field(description="Its full path.")
    deleted: bool = Field(description="False when there was nothing.")


@action("fs.delete", effect=Effect.IDEMPOTENT, touches={"path": "path"})
async def delete(params: DeleteParams, context: ActionContext) -> DeleteOutput:
    """Delete a file, a link or a folder.

    A folder that is not empty needs `recursive`. A root itself is refused, and a folder that holds a root, a special
    file or the server's own files is refused before anything in it is deleted.
    """
    return await in_thread(functools.partial(_delete, params, context), context)


def _delete(params: DeleteParams, context: ActionContext, stop: Stop) -> DeleteOutput:
    place = find_place(params.path, context)
    with our_errors(place, context):
        try:
            with open_spot(place, context) as spot:
                deleted = _delete_at(spot, params.recursive, context, stop)
        except FileNotFoundError:
            deleted = False
    return DeleteOutput(path=place.path, deleted=deleted)


def _delete_at(spot: Spot, recursive: bool, context: ActionContext, stop: Stop) -> bool:  # noqa: FBT001 - as the parameter
    status = spot.status()
    if status is None:
        return False
    guard = Guard(context, stop, roots_stay=True)
    guard.refuse(status, spot)
    if not stat.S_ISDIR(status.st_mode):
        os.unlink(spot.name, dir_fd=spot.folder)
    elif recursive:
        guard.survey(spot)
        remove_tree(spot, Guard(context, stop, roots_stay=True))
    else:
        os.rmdir(spot.name, dir_fd=spot.folder)
    spot.sync()
    return True
