"""Deleting a tree by its descriptors, so that no link is followed."""

from __future__ import annotations

import contextlib
import os
import stat

from opcode_action_fs.guard import Guard, open_folder
from opcode_action_fs.opening import Spot


def remove_tree(spot: Spot, guard: Guard, depth: int = 0) -> None:
    """Delete what stands at a spot, and all below it; links are not followed, and what is gone already is well.

    Args:
        spot: What to delete.
        guard: What must not be touched.
        depth: How many folders of the walk it is inside of.

    Raises:
        PathDeniedError: Something in it must not be touched.
        OSError: Something cannot be deleted.
    """
    guard.stop.check()
    status = spot.status()
    if status is None:
        return
    guard.refuse(status, spot)
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(spot.name, dir_fd=spot.folder)
            return
        with open_folder(spot) as folder:
            for name in guard.names(folder, spot.path, depth):
                remove_tree(Spot(folder, name, f"{spot.path}/{name}"), guard, depth + 1)
        os.rmdir(spot.name, dir_fd=spot.folder)
