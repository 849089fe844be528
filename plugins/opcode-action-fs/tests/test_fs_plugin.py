"""fs.read and fs.write: what they do, and every way out of the roots."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by their names

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fs_room import context, folder
from opcode_action_fs.append import append
from opcode_action_fs.content import permissions
from opcode_action_fs.copy import copy
from opcode_action_fs.delete import delete
from opcode_action_fs.listing import list_
from opcode_action_fs.move import move
from opcode_action_fs.read import ReadParams, read
from opcode_action_fs.status import look
from opcode_action_fs.write import WriteParams, write
from opcode_core import (
    Action,
    ExecutionError,
    LimitExceededError,
    NotFoundError,
    OpcodeError,
    PathDeniedError,
    ValidationError,
)


def get(context: Any, path: str, **more: Any) -> Any:
    return read.run(ReadParams(path=path, **more), context)


def put(context: Any, path: str, content: Any, **more: Any) -> Any:
    return write.run(WriteParams(path=path, content=content, **more), context)


def test_what_is_written_is_read(context: Any, folder: Path) -> None:
    assert put(context, "a.txt", "zwölf\n").size == 7
    found = get(context, "a.txt")
    assert (found.content, found.encoding, found.size) == ("zwölf\n", "text", 7)
    assert found.path == str(folder / "a.txt")
    assert get(context, "a.txt", encoding="base64").content == "enfDtmxmCg=="
    assert [path.name for path in folder.iterdir()] == ["a.txt"], "nothing is left beside it"


def test_bytes_come_and_go_as_base64(context: Any) -> None:
    put(context, "b.bin", "AP8Q", encoding="base64")
    assert (get(context, "b.bin").content, get(context, "b.bin").encoding) == ("AP8Q", "base64")
    with pytest.raises(ExecutionError):
        get(context, "b.bin", encoding="text")
    with pytest.raises(ValidationError):
        put(context, "b.bin", "%%%", encoding="base64")
    assert get(context, "b.bin").content == "AP8Q", "what was there stays"


@pytest.mark.parametrize(
    ("content", "text"), [({"b": [1, None]}, '{"b":[1,null]}'), (42, "42"), (False, "false")]
)
def test_other_content_is_written_as_json(context: Any, content: Any, text: str) -> None:
    put(context, "j.json", content)
    assert get(context, "j.json").content == text


def test_modes_and_folders(context: Any, folder: Path) -> None:
    put(context, "no/such/x.sh", "x", create_dirs=True, mode="0755")
    assert (folder / "no/such/x.sh").stat().st_mode & 0o777 == 0o755
    put(context, "k", "x", mode=0o600)
    assert (folder / "k").stat().st_mode & 0o777 == 0o600
    with pytest.raises(NotFoundError):
        put(context, "missing/x", "x")
    for mode in ("4777", "0888", "", 0o1777, -1, True):
        with pytest.raises(ValueError, match="mode"):
            permissions(mode)


@pytest.mark.parametrize(
    "path", ["../secret.txt", "/etc/passwd", "a/../../secret.txt", "/proc/self/environ", "/"]
)
def test_what_is_outside_is_denied_and_the_root_is_named(context: Any, path: str) -> None:
    for attempt in (get, functools.partial(put, content="x")):
        with pytest.raises(PathDeniedError) as caught:
            attempt(context, path)
        assert caught.value.details is not None
        assert caught.value.details["root_needed"] in caught.value.message


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_is_no_path_is_refused(context: Any, path: str) -> None:
    with pytest.raises(ValidationError):
        get(context, path)


def test_links_that_leave_are_refused(context: Any, folder: Path) -> None:
    (folder / "link").symlink_to("../secret.txt")
    (folder / "out").symlink_to("..")
    for path in ("link", "out/secret.txt"):
        with pytest.raises(PathDeniedError):
            get(context, path)
        with pytest.raises(PathDeniedError):
            put(context, path, "x")
    assert (folder.parent / "secret.txt").read_text(encoding="utf-8") == "outside"


@pytest.mark.parametrize("target", ["real.txt", "absolute"])
def test_a_link_that_stays_inside_is_followed(context: Any, folder: Path, target: str) -> None:
    (folder / "real.txt").write_text("old", encoding="utf-8")
    (folder / "link").symlink_to(folder / "real.txt" if target == "absolute" else target)
    assert get(context, "link").content == "old"
    put(context, "link", "new")
    assert (folder / "real.txt").read_text(encoding="utf-8") == "new"
    assert (folder / "link").is_symlink()


class Flipping:
    """Names in a room that are now something inside, now a link to the same outside, as fast as a thread can turn."""

    def __init__(self, room: Path) -> None:
        self.room = room
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._turn)
        outside = room.parent / "outside"
        for place, text in ((outside, "OUTSIDE"), (room / "inside", "inside")):
            (place / "deep").mkdir(parents=True)
            for name in ("target", "log", "deep/leaf"):
                (place / name).write_text(text, encoding="utf-8")
        (outside / "only-outside").touch()
        (room / "tree/sub").mkdir(parents=True)
        (room / "tree/sub/leaf").write_text("inside", encoding="utf-8")
        self._link(room / "flip", "inside")
        self._link(room / "file", "inside/target")

    def _turn(self) -> None:
        room, count = self.room, 0
        while not self.stop.is_set():
            count += 1
            self._link(room / "flip", "inside" if count % 2 else "../outside")
            self._link(room / "file", "inside/target" if count % 2 else "../outside/target")
            with contextlib.suppress(OSError):  # the actions delete and move these meanwhile
                (room / "tree/sub").rename(room / "tree/away")
                (room / "tree/sub").symlink_to("../../outside")
                (room / "tree/sub").unlink()
                (room / "tree/away").rename(room / "tree/sub")

    def _link(self, path: Path, target: str) -> None:
        temporary = self.room / ".turning"
        temporary.symlink_to(target)
        temporary.rename(path)

    def __enter__(self) -> Path:
        self.thread.start()
        return self.room.parent / "outside"

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


def all_of(folder: Path) -> dict[str, str | None]:
    return {
        str(path): path.read_text(encoding="utf-8") if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_a_link_that_flips_never_lets_anything_out(context: Any, folder: Path) -> None:
    """For two seconds each, with and without the kernel's help."""
    flipping, seen, refused = Flipping(folder), set(), 0
    attempts: list[tuple[Action, dict[str, Any]]] = [
        (read, {"path": "flip/target"}),
        (read, {"path": "file"}),
        (look, {"path": "flip/target"}),
        (write, {"path": "flip/target", "content": "inside"}),
        (write, {"path": "file", "content": "inside"}),
        (write, {"path": "flip/new/x", "content": "inside", "create_dirs": True}),
        (append, {"path": "flip/log", "content": "."}),
        (append, {"path": "file", "content": ""}),
        (list_, {"path": "flip", "recursive": True}),
        (list_, {"path": "tree", "recursive": True}),
        (copy, {"src": "flip/target", "dst": "copied"}),
        (copy, {"src": "file", "dst": "flip/copied"}),
        (copy, {"src": "tree", "dst": "flip/tree"}),
        (copy, {"src": "flip/deep", "dst": "deep"}),
        (move, {"src": "flip/deep/leaf", "dst": "leaf"}),
        (move, {"src": "leaf", "dst": "flip/deep/leaf"}),
        (delete, {"path": "deep", "recursive": True}),
        (delete, {"path": "flip/new", "recursive": True}),
        (delete, {"path": "flip/tree", "recursive": True}),
        (delete, {"path": "tree", "recursive": True}),
        (write, {"path": "tree/sub/leaf", "content": "inside", "create_dirs": True}),
    ]
    with flipping as outside:
        before, until = all_of(outside), time.monotonic() + 2
        while time.monotonic() < until:
            for action, params in attempts:
                try:
                    found = context.do(action, **params)
                except OpcodeError:
                    refused += 1
                    continue
                seen.add(getattr(found, "content", None))
                seen |= {entry.name for entry in getattr(found, "entries", ())}
    assert refused
    assert "inside" in seen
    assert not {"OUTSIDE", "only-outside"} & seen
    assert all_of(outside) == before
    (folder / "flip").unlink()
    (folder / "file").unlink()
    assert "OUTSIDE" not in "".join(text for text in all_of(folder).values() if text)
    assert not list(folder.rglob("only-outside"))


def test_only_regular_files_are_opened_and_without_waiting(context: Any, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for attempt in (get, functools.partial(put, content="x")):
        with pytest.raises(PathDeniedError):
            attempt(context, "pipe")
    with pytest.raises(ExecutionError) as caught:
        get(context, ".")
    assert caught.value.details is not None
    assert caught.value.details["errno"] == "EISDIR"


def test_the_servers_own_files_are_refused_under_every_name(context: Any, folder: Path) -> None:
    (folder / "own.db").write_text("mine", encoding="utf-8")
    (folder / "alias").hardlink_to(folder / "own.db")
    status = (folder / "own.db").stat()
    context.protected.add((status.st_dev, status.st_ino))
    for name in ("own.db", "alias"):
        with pytest.raises(PathDeniedError):
            get(context, name)
        with pytest.raises(PathDeniedError):
            put(context, name, "x")
    assert (folder / "own.db").read_text(encoding="utf-8") == "mine"


def test_a_file_that_is_too_large_is_refused(context: Any, folder: Path) -> None:
    with (folder / "big").open("wb") as file:
        file.truncate((16 << 20) + 1)
    with pytest.raises(LimitExceededError):
        get(context, "big")
