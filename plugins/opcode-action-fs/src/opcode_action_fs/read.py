"""`fs.read`."""

from __future__ import annotations

import base64
import os
from typing import Literal

from opcode_core import (
    ActionContext,
    Effect,
    ExecutionError,
    LimitExceededError,
    Output,
    Params,
    action,
)
from pydantic import Field

from opcode_action_fs.opening import open_regular
from opcode_action_fs.places import find_place, our_errors

MAX_BYTES = 16 << 20
"""How large a file may be, in bytes."""


class ReadParams(Params):
    """What to read."""

    path: str = Field(description="The file; relative paths begin in the working directory.")
    encoding: Literal["auto", "text", "base64"] = Field(
        default="auto", description="`auto` gives text when the bytes are UTF-8, base64 otherwise."
    )


class ReadOutput(Output):
    """What was read."""

    path: str = Field(description="Its full path.")
    content: str = Field(description="The text, or the bytes in base64.")
    encoding: Literal["text", "base64"] = Field(description="Which of the two `content` is.")
    size: int = Field(description="The size of the file, in bytes.")


@action("fs.read", effect=Effect.PURE, blocking=True, touches={"path": "path"})
def read(params: ReadParams, context: ActionContext) -> ReadOutput:
    """Read a whole file.

    Text is decoded as UTF-8; other bytes come as base64. Files over 16 MiB are refused.
    """
    place = find_place(params.path, context)
    with our_errors(place, context):
        descriptor = open_regular(place, context)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise LimitExceededError(
            f"{place.path} is larger than {MAX_BYTES} bytes", {"limit": MAX_BYTES}
        )
    text = None if params.encoding == "base64" else _as_text(data)
    if text is not None:
        return ReadOutput(path=place.path, content=text, encoding="text", size=len(data))
    if params.encoding == "text":
        raise ExecutionError(
            f"{place.path} is not UTF-8: read it with encoding `base64`", {"path": place.path}
        )
    content = base64.b64encode(data).decode("ascii")
    return ReadOutput(path=place.path, content=content, encoding="base64", size=len(data))


def _as_text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
