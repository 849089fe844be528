"""Putting a new file in an old one's place, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from opcode_core import ActionContext

from opcode_action_fs.opening import Spot, refuse_target


def temporary_name() -> str:
    """A name that nobody else has, for what is not finished."""
    return f".{secrets.token_hex(8)}.tmp"


@contextmanager
def replacing(spot: Spot, mode: int, context: ActionContext) -> Iterator[BinaryIO]:
    """Write beside a file, make that durable, then put it in the file's place.

    Whoever reads meanwhile finds the old content or the new; when the block raises, the old file is as it was and
    nothing is left beside it.

    Args:
        spot: The file's name.
        mode: Its permissions.
        context: Where the server's own files are known.

    Raises:
        PathDeniedError: What stands there must not be replaced.
        OSError: Anything else.
    """
    refuse_target(spot, context)
    temporary = temporary_name()
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=spot.folder
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(temporary, spot.name, src_dir_fd=spot.folder, dst_dir_fd=spot.folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=spot.folder)
        raise
    spot.sync()
