"""`fs.write`."""

from __future__ import annotations

from typing import Any, Literal

from opcode_core import ActionContext, Effect, Output, Params, action
from pydantic import Field, field_validator

from opcode_action_fs.content import content_bytes, permissions
from opcode_action_fs.opening import make_folders, open_spot
from opcode_action_fs.places import find_place, our_errors
from opcode_action_fs.replacing import replacing


class WriteParams(Params):
    """What to write, and where."""

    path: str = Field(description="The file; relative paths begin in the working directory.")
    content: Any = Field(description="A string, or other JSON, which is written as JSON.")
    encoding: Literal["text", "base64"] = Field(
        "text", description="`base64`: the content is bytes in base64."
    )
    create_dirs: bool = Field(default=False, description="Make the folders that are missing.")
    mode: str | int = Field(
        "0644", description="Permissions: an octal string, or the number itself (420 is 0644)."
    )

    @field_validator("mode")
    @classmethod
    def _mode_is_permissions(cls, value: str | int) -> str | int:
        permissions(value)
        return value


class WriteOutput(Output):
    """What was written."""

    path: str = Field(description="Its full path.")
    size: int = Field(description="The size of the file, in bytes.")


@action(
    "fs.write",
    effect=Effect.IDEMPOTENT,
    blocking=True,
    secrets=("content",),
    touches={"path": "path"},
)
def write(params: WriteParams, context: ActionContext) -> WriteOutput:
    """Write a file, whole or not at all.

    Whoever reads it meanwhile finds the old content or the new, never a part; when something goes wrong the old file is
    as it was. A link is followed, not replaced.
    """
    data = content_bytes(params.content, params.encoding)
    place = find_place(params.path, context)
    with our_errors(place, context):
        if params.create_dirs:
            make_folders(place.folder, context)
        with (
            open_spot(place, context, follow=True) as spot,
            replacing(spot, permissions(params.mode), context) as file,
        ):
            file.write(data)
    return WriteOutput(path=place.path, size=len(data))
