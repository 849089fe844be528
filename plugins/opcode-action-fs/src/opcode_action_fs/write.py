"""`fs.write`."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import stat
from typing import Any, Literal

from opcode_core import ActionContext, Effect, Output, Params, ValidationError, action, compact_json
from pydantic import Field, field_validator

from opcode_action_fs.beneath import open_beneath
from opcode_action_fs.places import Place, find_place, open_root, our_errors, refuse_special

_MOST = 0o777


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

    path: str
    size: int


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
    as it was.
    """
    data = _bytes(params)
    place = find_place(params.path, context)
    with our_errors(place, context):
        root = open_root(place)
        try:
            if params.create_dirs:
                _make_folders(root, place.folder)
            _replace(root, place, data, permissions(params.mode), context)
        finally:
            os.close(root)
    return WriteOutput(path=place.path, size=len(data))


def permissions(mode: str | int) -> int:
    """The permissions a mode says.

    Raises:
        ValueError: It is none, or has bits beyond 0777.
    """
    if isinstance(mode, bool):
        raise ValueError('a mode is an octal string such as "0644"')  # noqa: TRY004 - pydantic wants it so
    if isinstance(mode, str):
        digits = mode.removeprefix("0o")
        if not digits or len(digits) > 5 or any(digit not in "01234567" for digit in digits):  # noqa: PLR2004 - 00777
            raise ValueError('a mode is an octal string such as "0644"')
        mode = int(digits, 8)
    if not 0 <= mode <= _MOST:
        raise ValueError("a mode has no bits beyond 0777")
    return mode


def _bytes(params: WriteParams) -> bytes:
    if params.encoding == "base64":
        if not isinstance(params.content, str):
            raise ValidationError("with encoding `base64` the content is a string")
        try:
            return base64.b64decode(params.content, validate=True)
        except (binascii.Error, ValueError):
            raise ValidationError("the content is not base64") from None
    text = params.content if isinstance(params.content, str) else compact_json(params.content)
    return text.encode("utf-8")


def _make_folders(root: int, folder: str) -> None:
    made = ""
    for part in folder.split("/"):
        parent = made or "."
        made = f"{made}/{part}" if made else part
        here = open_beneath(root, parent, os.O_PATH | os.O_DIRECTORY)
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o777, dir_fd=here)
        finally:
            os.close(here)


def _replace(root: int, place: Place, data: bytes, mode: int, context: ActionContext) -> None:
    """Write beside the file, make that durable, then put it in the file's place."""
    place = _behind_links(root, place)
    folder = open_beneath(root, place.folder, os.O_RDONLY | os.O_DIRECTORY)
    temporary = f".{secrets.token_hex(8)}.tmp"
    try:
        _refuse_target(folder, place, context)
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder
        )
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            os.rename(temporary, place.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            raise
        os.fsync(folder)
    finally:
        os.close(folder)


def _behind_links(root: int, place: Place) -> Place:
    """The place of the file a link leads to, inside the root: a link is followed, not replaced."""
    try:
        probe = open_beneath(root, place.below, os.O_PATH)
    except FileNotFoundError:
        return place
    try:
        real = os.readlink(f"/proc/self/fd/{probe}")
        base = os.readlink(f"/proc/self/fd/{root}")
    finally:
        os.close(probe)
    return Place(place.path, place.root, os.path.relpath(real, base))


def _refuse_target(folder: int, place: Place, context: ActionContext) -> None:
    try:
        status = os.stat(place.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(21, "it is a folder", place.path)
    refuse_special(status, place, context)
