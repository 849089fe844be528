"""`fs.stat`, and what of a file's status is shown."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta

from opcode_core import ActionContext, Effect, Output, Params, action
from pydantic import Field

from opcode_action_fs.opening import open_inside, refuse_special
from opcode_action_fs.places import find_place, our_errors

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


class StatParams(Params):
    """What to look at."""

    path: str = Field(description="The file or folder; a link stands for what it leads to.")


class StatOutput(Output):
    """What it is."""

    path: str = Field(description="Its full path.")
    size: int = Field(description="Its size in bytes.")
    modified_at: str = Field(description="When it was last changed, in UTC.")
    is_dir: bool = Field(description="Whether it is a folder.")
    permissions: str = Field(description="In octal, such as `0644`.")


@action("fs.stat", effect=Effect.PURE, blocking=True, touches={"path": "path"})
def look(params: StatParams, context: ActionContext) -> StatOutput:
    """Look at a file or folder: its size, its permissions, when it was changed."""
    place = find_place(params.path, context)
    with our_errors(place, context):
        probe = open_inside(place, context, os.O_PATH)
        try:
            status = os.fstat(probe)
        finally:
            os.close(probe)
        if not stat.S_ISDIR(status.st_mode):
            refuse_special(status, place.path, context)
    return StatOutput(
        path=place.path,
        size=status.st_size,
        modified_at=modified_at(status),
        is_dir=stat.S_ISDIR(status.st_mode),
        permissions=f"{stat.S_IMODE(status.st_mode):04o}",
    )


def modified_at(status: os.stat_result) -> str:
    """When a file was last changed: RFC 3339 in UTC, with microseconds."""
    micros = max(
        _FIRST, min(_LAST, status.st_mtime_ns // 1000)
    )  # a file may say anything of its age
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"
