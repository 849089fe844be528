"""fs.read and fs.write: what they do, and every way out of the roots."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opcode_action_fs import beneath, opening
from opcode_action_fs.content import permissions
from opcode_action_fs.read import ReadParams, read
from opcode_action_fs.write import WriteParams, write
from opcode_core import (
    ExecutionError,
    LimitExceededError,
    NotFoundError,
    OpcodeError,
    PathDeniedError,
    ValidationError,
)


class Context:
    """What the engine lends an action, as far as these ask for it."""

    def __init__(self, folder: Path) -> None:
        self.working_directory = str(folder)
        self.protected: set[tuple[int, int]] = set()

    def setting(self, name: str) -> Any:
        return [self.working_directory] if name == "fs.roots" else None

    def protected_files(self) -> frozenset[tuple[int, int]]:
        return frozenset(self.protected)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "room").mkdir()
    (tmp_path / "secret.txt").write_text("outside", encoding="utf-8")
    return tmp_path / "room"


@pytest.fixture(params=["openat2", "walk"])
def context(folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "walk":
        monkeypatch.setattr(opening, "open_beneath", beneath.walk_beneath)
    return Context(folder)


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


def test_a_link_that_stays_inside_is_followed(folder: Path) -> None:
    context: Any = Context(folder)
    (folder / "real.txt").write_text("old", encoding="utf-8")
    (folder / "link").symlink_to("real.txt")
    assert get(context, "link").content == "old"
    put(context, "link", "new")
    assert (folder / "real.txt").read_text(encoding="utf-8") == "new"
    assert (folder / "link").is_symlink()


@pytest.fixture
def flipping(folder: Path) -> Iterator[Path]:
    """A name that is now a folder inside, now a link outside."""
    (folder / "inside").mkdir()
    for place in (folder / "inside", folder.parent):
        (place / "target").write_text(
            "inside" if place.name == "inside" else "OUTSIDE", encoding="utf-8"
        )
    flip, stop = folder / "flip", threading.Event()

    def turn() -> None:
        count = 0
        while not stop.is_set():
            temporary = folder / f"t{count % 2}"
            temporary.symlink_to("inside" if count % 2 else "..")
            temporary.rename(flip)
            count += 1

    thread = threading.Thread(target=turn)
    thread.start()
    yield flip
    stop.set()
    thread.join()


def test_a_link_that_flips_never_lets_anything_out(folder: Path, flipping: Path) -> None:
    context: Any = Context(folder)
    seen = set()
    for _ in range(3000):
        try:
            seen.add(get(context, f"{flipping.name}/target").content)
        except OpcodeError:
            seen.add("refused")
    assert "OUTSIDE" not in seen
    assert {"inside", "refused"} & seen


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
