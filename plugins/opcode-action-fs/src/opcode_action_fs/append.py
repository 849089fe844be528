"""`fs.append`."""

from __future__ import annotations

import errno
import os
from typing import Any

from opcode_core import ActionContext, Effect, Output, Params, action
from pydantic import Field

from opcode_action_fs.content import content_bytes
from opcode_action_fs.opening import open_regular, open_spot
from opcode_action_fs.places import Place, find_place, our_errors

_NEW = 0o644
_TRIES = 16


class AppendParams(Params):
    """What to append, and to what."""

    path: str = Field(description="The file; it is made when there is none.")
    content: Any = Field(description="A string, or other JSON, which is written as JSON.")


class AppendOutput(Output):
    """What there is now."""

    path: str = Field(description="Its full path.")
    size: int = Field(description="The size of the file after, in bytes.")


@action(
    "fs.append",
    effect=Effect.UNSAFE,
    blocking=True,
    secrets=("content",),
    touches={"path": "path"},
)
def append(params: AppendParams, context: ActionContext) -> AppendOutput:
    """Add to the end of a file.

    A file that is not there is made, with mode 0644; its folder has to be there. Steps that append to one file at the
    same time do not cut into each other.
    """
    data = content_bytes(params.content)
    place = find_place(params.path, context)
    with our_errors(place, context):
        descriptor, new = _open(place, context)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if new:
            with open_spot(place, context) as spot:
                spot.sync()
    return AppendOutput(path=place.path, size=size)


def _open(place: Place, context: ActionContext) -> tuple[int, bool]:
    """A descriptor to append with, and whether the file is new."""
    for _ in range(_TRIES):
        try:
            return open_regular(place, context, os.O_WRONLY | os.O_APPEND), False
        except FileNotFoundError:
            pass
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with open_spot(place, context) as spot:
                descriptor = os.open(spot.name, flags, _NEW, dir_fd=spot.folder)
        except FileExistsError:  # somebody else made it meanwhile, or a link leads to nothing
            continue
        os.fchmod(descriptor, _NEW)
        return descriptor, True
    raise FileNotFoundError(errno.ENOENT, "it is a link that leads to nothing", place.path)
