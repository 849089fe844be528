"""fs.copy and fs.move, and what ends a walk through a tree: bounds, and the end of its step."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by their names

from __future__ import annotations

import asyncio
import errno
import importlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from fs_room import code_of, context, folder, names, tree
from opcode_action_fs import guard as guards, listing, working
from opcode_action_fs.copy import _copy, copy
from opcode_action_fs.delete import DeleteParams, _delete, delete
from opcode_action_fs.listing import ListParams, list_
from opcode_action_fs.move import move
from opcode_action_fs.pair import PairParams
from opcode_action_fs.working import Stop, StoppedError
from opcode_core import (
    ExecutionError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    ValidationError,
)

moving: Any = importlib.import_module(
    "opcode_action_fs.move"
)  # the package has the action by that name


def test_a_file_is_copied_with_its_permissions_and_replaces_a_file(
    context: Any, folder: Path, tree: Path
) -> None:
    found = context.do(copy, src="src/in/b.sh", dst="made/c", create_dirs=True)
    assert (found.size, found.is_dir) == (2, False)
    assert (found.src, found.dst) == (str(tree / "in/b.sh"), str(folder / "made/c"))
    assert (folder / "made/c").stat().st_mode & 0o777 == 0o750
    assert context.do(copy, src="src/link", dst="made/c").size == 1, "a link to a file is followed"
    assert (folder / "made/c").read_text(encoding="utf-8") == "A"
    assert names(folder / "made") == ["c"], "nothing is left beside it"
    with pytest.raises(NotFoundError) as caught:
        context.do(copy, src="src/a.txt", dst="missing/x")
    assert str(folder / "missing") in caught.value.message


def test_a_folder_is_copied_whole_and_a_second_time_changes_nothing(
    context: Any, folder: Path, tree: Path
) -> None:
    for _ in range(2):
        found = context.do(copy, src="src", dst="dup")
        assert (found.size, found.is_dir) == (3, True)
        assert names(folder / "dup") == names(tree)
    assert (folder / "dup/link").is_symlink()
    assert (folder / "dup/in/b.sh").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("change", ["other", "more", "less", "kind", "link", "size"])
def test_a_folder_replaces_nothing(context: Any, folder: Path, tree: Path, change: str) -> None:
    context.do(copy, src="src", dst="dup")
    if change == "other":
        (folder / "dup/a.txt").write_text("B", encoding="utf-8")
    elif change == "more":
        (folder / "dup/new").touch()
    elif change == "less":
        (folder / "dup/in/b.sh").unlink()
    elif change == "kind":
        (folder / "dup/none").rmdir()
        (folder / "dup/none").touch()
    elif change == "link":
        (folder / "dup/link").unlink()
        (folder / "dup/link").symlink_to("in")
    else:
        (folder / "dup/a.txt").write_text("AA", encoding="utf-8")
    before = names(folder)
    for action in (copy, move):
        with pytest.raises(ExecutionError) as caught:
            context.do(action, src="src", dst="dup")
        assert code_of(caught) == "EEXIST"
    assert names(folder) == before
    assert tree.exists()


def test_a_file_replaces_no_folder_and_a_folder_no_file(
    context: Any, folder: Path, tree: Path
) -> None:
    (folder / "file").touch()
    for action in (copy, move):
        with pytest.raises(ExecutionError) as caught:
            context.do(action, src="file", dst="src/none")
        assert code_of(caught) == "EISDIR"
        with pytest.raises(ExecutionError) as caught:
            context.do(action, src="src", dst="file")
        assert code_of(caught) == "EEXIST"
    assert (folder / "file").is_file()
    assert tree.is_dir()


@pytest.mark.parametrize("dst", ["src", "src/in/again", "src/new/deep", "src/in/../again"])
def test_nothing_goes_into_itself(context: Any, folder: Path, tree: Path, dst: str) -> None:
    before = names(folder)
    for action in (copy, move):
        with pytest.raises(ValidationError):
            context.do(action, src="src", dst=dst, create_dirs=True)
    with pytest.raises(ValidationError):
        context.do(copy, src="src/a.txt", dst="src/a.txt")
    assert names(folder) == before


def test_nothing_goes_into_itself_behind_a_link(context: Any, folder: Path, tree: Path) -> None:
    (folder / "alias").symlink_to("src/in")
    for action in (copy, move):
        with pytest.raises(ValidationError):
            context.do(action, src="src", dst="alias/again")
    (folder / "same").symlink_to("src/a.txt")
    with pytest.raises(ValidationError):
        context.do(copy, src="src/a.txt", dst="same")
    assert (tree / "a.txt").read_text(encoding="utf-8") == "A"


def test_move_moves_files_links_and_folders(context: Any, folder: Path, tree: Path) -> None:
    found = context.do(move, src="src", dst="far/away", create_dirs=True)
    assert (found.size, found.is_dir) == (3, True)
    assert not tree.exists()
    assert context.do(move, src="far/away/link", dst="far/link").is_dir is False
    assert (folder / "far/link").is_symlink()
    context.do(move, src="far/away/a.txt", dst="far/away/in/b.sh")
    assert (folder / "far/away/in/b.sh").read_text(encoding="utf-8") == "A"
    with pytest.raises(NotFoundError):
        context.do(move, src="not-here", dst="made/x", create_dirs=True)
    assert not (folder / "made").exists(), "no folder is made for nothing"


def test_moving_onto_another_name_of_the_same_file_leaves_one(context: Any, folder: Path) -> None:
    (folder / "one").write_text("x", encoding="utf-8")
    (folder / "two").hardlink_to(folder / "one")
    context.do(move, src="one", dst="two")
    assert names(folder) == ["two"]
    (folder / "alias").symlink_to("two")
    with pytest.raises(ValidationError):
        context.do(move, src="two", dst="alias")
    assert (folder / "two").read_text(encoding="utf-8") == "x"


@pytest.fixture
def two_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are not temporary cannot be renamed, as between two disks."""
    real = os.rename

    def rename(src: str, dst: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        if not src.endswith(".tmp"):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(moving.os, "rename", rename)


@pytest.mark.usefixtures("two_disks")
def test_move_to_another_disk(context: Any, folder: Path, tree: Path) -> None:
    os.utime(tree / "in/b.sh", ns=(0, 1_000_000_000_123_456_789))
    before = names(tree)
    assert context.do(move, src="src", dst="away").size == 3
    assert names(folder) == ["away", *(f"away/{name}" for name in before)]
    status = (folder / "away/in/b.sh").stat()
    assert (status.st_mtime_ns, status.st_mode & 0o777) == (1_000_000_000_123_456_789, 0o750)
    context.do(move, src="away/in/b.sh", dst="b.sh")
    assert (folder / "b.sh").stat().st_mtime_ns == 1_000_000_000_123_456_789
    context.do(move, src="away/link", dst="link")
    assert (folder / "link").readlink() == Path("a.txt")
    assert names(folder) == ["away", "away/a.txt", "away/in", "away/none", "b.sh", "link"]


def test_move_to_the_other_disk_of_this_machine(context: Any, folder: Path, tree: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == folder.stat().st_dev:
        pytest.skip("there is no other disk")
    there = other / f"opcode-{os.getpid()}"
    there.mkdir()
    try:
        context.roots = [str(folder), str(there)]
        context.do(move, src="src", dst=str(there / "src"))
        assert names(there / "src") == ["a.txt", "in", "in/b.sh", "link", "none"]
        assert not tree.exists()
    finally:
        context.do(delete, path=str(there / "src"), recursive=True)
        there.rmdir()


# -------- bounds and endings


def test_walks_are_bounded(context: Any, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = names(tree)

    def refused() -> None:
        for action, more in (
            (delete, {"path": "src", "recursive": True}),
            (copy, {"src": "src", "dst": "dup"}),
            (move, {"src": "src", "dst": "dup"}),
            (list_, {"path": ".", "recursive": True}),
        ):
            with pytest.raises(LimitExceededError):
                context.do(action, **more)

    with monkeypatch.context() as patch:
        patch.setattr(guards, "MAX_ENTRIES", 3)
        refused()
    with monkeypatch.context() as patch:
        patch.setattr(guards, "MAX_DEPTH", 0)
        refused()
    assert names(tree.parent) == ["src", *(f"src/{name}" for name in before)]


def test_work_that_is_not_wanted_any_more_stops(context: Any, folder: Path, tree: Path) -> None:
    before, stop = names(folder), Stop()
    stop.set()
    for work in (
        lambda: _delete(DeleteParams(path="src", recursive=True), context, stop),
        lambda: _copy(PairParams(src="src", dst="dup"), context, stop),
        lambda: _copy(PairParams(src="src/a.txt", dst="dup"), context, stop),
        lambda: moving._move(PairParams(src="src", dst="dup"), context, stop),
        lambda: listing._list(ListParams(path="src", recursive=True), context, stop),
    ):
        with pytest.raises(StoppedError):
            work()
    assert names(folder) == before
    assert tree.exists()


def test_a_copy_ends_with_its_step_and_leaves_nothing(
    context: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "huge").mkdir()
    with (folder / "huge/file").open("wb") as file:
        file.truncate(1 << 40)
    begun = threading.Event()
    check = working.Stop.check

    def checked(stop: Stop) -> None:
        begun.set()
        check(stop)

    monkeypatch.setattr(working.Stop, "check", checked)

    async def cancelled() -> None:
        task = asyncio.ensure_future(copy.run(PairParams(src="huge", dst="dup"), context))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    context.runner.run(cancelled())
    assert names(folder) == ["huge", "huge/file"]


def test_what_may_not_be_read_is_said(context: Any, folder: Path, tree: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tree / "in").chmod(0)
    try:
        for action, more in ((copy, {"src": "src", "dst": "dup"}), (list_, {"path": "src/in"})):
            with pytest.raises(PermissionDeniedError):
                context.do(action, **more)
    finally:
        (tree / "in").chmod(0o755)
    assert not (folder / "dup").exists()
