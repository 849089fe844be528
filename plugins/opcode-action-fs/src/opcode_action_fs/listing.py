"""`fs.list`."""

from __future__ import annotations

import fnmatch
import functools
import heapq
import itertools
import os
import stat
from collections.abc import Iterator

from opcode_core import ActionContext, Effect, Output, Params, action
from pydantic import Field, field_validator

from opcode_action_fs.beneath import LeavesRootError, walk_beneath
from opcode_action_fs.guard import Guard
from opcode_action_fs.opening import Spot, open_inside
from opcode_action_fs.places import find_place, our_errors
from opcode_action_fs.status import modified_at
from opcode_action_fs.working import Stop, in_thread

MAX_LISTED = 10_000
"""How many entries a listing may have."""
_LONGEST_NAME = 255


class ListParams(Params):
    """What to list."""

    path: str = Field(description="The folder.")
    pattern: str | None = Field(
        default=None,
        min_length=1,
        max_length=_LONGEST_NAME,
        description="Which names: `*`, `?`, `[abc]`; no `/` and no `..`.",
    )
    recursive: bool = Field(default=False, description="Also what is in the folders below.")

    @field_validator("pattern")
    @classmethod
    def _is_of_a_name(cls, value: str | None) -> str | None:
        if value is not None and ("/" in value or ".." in value or "\0" in value):
            raise ValueError(
                "a pattern is of a name alone: no `/` and no `..`; for folders below use `recursive`"
            )
        return value


class Entry(Output):
    """A file or folder."""

    name: str = Field(description="Its name.")
    path: str = Field(description="Its full path.")
    size: int = Field(description="Its size in bytes.")
    modified_at: str = Field(description="When it was last changed, in UTC.")
    is_dir: bool = Field(description="Whether it is a folder.")


class ListOutput(Output):
    """What is in the folder, by path."""

    path: str = Field(description="The full path of the folder.")
    entries: list[Entry] = Field(description="What is in it.")
    truncated: bool = Field(description=f"Whether there is more than these first {MAX_LISTED}.")


@action("fs.list", effect=Effect.PURE, touches={"path": "path"})
async def list_(params: ListParams, context: ActionContext) -> ListOutput:
    """List what is in a folder, in the order of paths.

    Links are listed as what they are and not followed. At most 10000 entries come back, the first ones, and `truncated`
    says that there are more. Names that are not UTF-8 are shown with U+FFFD.
    """
    return await in_thread(functools.partial(_list, params, context), context)


def _list(params: ListParams, context: ActionContext, stop: Stop) -> ListOutput:
    place = find_place(params.path, context)
    with our_errors(place, context):
        folder = open_inside(place, context, os.O_RDONLY | os.O_DIRECTORY)
        try:
            tree = _Tree(folder, place.path, Guard(context, stop), params)
            found = list(itertools.islice(tree.walk(), MAX_LISTED + 1))
        finally:
            os.close(folder)
    entries = [_entry(place.path, below, status) for below, status in found[:MAX_LISTED]]
    return ListOutput(path=place.path, entries=entries, truncated=len(found) > MAX_LISTED)


def _entry(path: str, below: str, status: os.stat_result) -> Entry:
    return Entry(
        name=_shown(os.path.basename(below)),
        path=_shown(os.path.join(path, below)),
        size=status.st_size,
        modified_at=modified_at(status),
        is_dir=stat.S_ISDIR(status.st_mode),
    )


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")


class _Tree:
    """What is below a folder, in the order of paths, read only as far as it is asked for."""

    def __init__(self, folder: int, path: str, guard: Guard, params: ListParams) -> None:
        self._folder = folder
        self._path = path
        self._guard = guard
        self._pattern = params.pattern
        self._recursive = params.recursive

    def walk(self) -> Iterator[tuple[str, os.stat_result]]:
        """What the pattern wants: each path from the folder, with its status.

        The heap holds names that were met, and, with a `/` at their end, folders to be looked into: what is in one
        comes after the names that sort before that.
        """
        ahead = [""]
        while ahead:
            self._guard.stop.check()
            below = heapq.heappop(ahead)
            if below.endswith("/") or not below:
                for name in self._names(below):
                    heapq.heappush(ahead, below + name)
                continue
            wanted = self._is_wanted(below)
            status = self._status(below) if wanted or self._recursive else None
            if status is None:
                continue
            if wanted:
                yield below, status
            if self._recursive and stat.S_ISDIR(status.st_mode):
                heapq.heappush(ahead, below + "/")

    def _is_wanted(self, below: str) -> bool:
        return self._pattern is None or fnmatch.fnmatchcase(os.path.basename(below), self._pattern)

    def _names(self, below: str) -> list[str]:
        here = self._open(below, os.O_RDONLY | os.O_DIRECTORY)
        if here is None:
            return []
        try:
            return self._guard.names(here, os.path.join(self._path, below), below.count("/"))
        finally:
            os.close(here)

    def _status(self, below: str) -> os.stat_result | None:
        folder, name = os.path.split(below)
        here = self._open(folder, os.O_PATH | os.O_DIRECTORY)
        if here is None:
            return None
        try:
            return Spot(here, name, below).status()
        finally:
            os.close(here)

    def _open(self, below: str, flags: int) -> int | None:
        """A descriptor, without following any link; None for what was there a moment ago."""
        try:
            return walk_beneath(self._folder, below, flags)
        except (FileNotFoundError, NotADirectoryError, LeavesRootError):
            return None
