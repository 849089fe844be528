"""Whether two trees hold the same, so that a copy that was made already is not a failure."""

from __future__ import annotations

import os
import stat

from opcode_action_fs.copying import open_checked
from opcode_action_fs.guard import Guard, open_folder
from opcode_action_fs.opening import Spot

_PIECE = 1 << 20


def same_tree(source: int, target: Spot, guard: Guard) -> int | None:
    """Compare two folders: names, kinds, contents, and where links lead.

    Args:
        source: A descriptor of the one.
        target: Where the other stands.
        guard: What must not be touched, and how far to go.

    Returns:
        The bytes in the files of each; None when they differ.
    """
    try:
        with open_folder(target) as other:
            return _compare(source, other, guard, target.path, 0)
    except _DifferError:
        return None


class _DifferError(Exception):
    """They do."""


def _compare(source: int, target: int, guard: Guard, path: str, depth: int) -> int:
    names = guard.names(source, path, depth)
    if names != guard.names(target, path, depth):
        raise _DifferError
    return sum(
        _compare_one(Spot(source, name, f"{path}/{name}"), target, guard, depth) for name in names
    )


def _compare_one(one: Spot, target: int, guard: Guard, depth: int) -> int:
    other = Spot(target, one.name, one.path)
    status, others = one.status(), other.status()
    if (
        status is None
        or others is None
        or stat.S_IFMT(status.st_mode) != stat.S_IFMT(others.st_mode)
    ):
        raise _DifferError
    if stat.S_ISDIR(status.st_mode):
        with open_folder(one) as source, open_folder(other) as against:
            return _compare(source, against, guard, one.path, depth + 1)
    if stat.S_ISLNK(status.st_mode):
        if os.readlink(one.name, dir_fd=one.folder) != os.readlink(other.name, dir_fd=target):
            raise _DifferError
        return 0
    if status.st_size != others.st_size:
        raise _DifferError
    with open_checked(one, guard) as source, open_checked(other, guard) as against:
        return _compare_bytes(source, against, guard)


def _compare_bytes(source: int, target: int, guard: Guard) -> int:
    size = 0
    while True:
        guard.stop.check()
        piece = os.read(source, _PIECE)
        if piece != os.read(target, _PIECE):
            raise _DifferError
        if not piece:
            return size
        size += len(piece)
