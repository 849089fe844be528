"""Ways out of the roots and into the server's own files, tried through every fs action."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by their names

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import pydantic
import pytest
from fs_room import context, folder
from opcode_action_fs.append import append
from opcode_action_fs.copy import copy
from opcode_action_fs.delete import delete
from opcode_action_fs.listing import list_
from opcode_action_fs.move import move
from opcode_action_fs.read import read
from opcode_action_fs.status import look
from opcode_action_fs.write import write
from opcode_core import (
    Action,
    NotFoundError,
    PathDeniedError,
    ValidationError,
)


def every_way(path: str) -> list[tuple[Action, dict[str, Any]]]:
    """Every action at a path, on both ends of those that have two."""
    return [
        (read, {"path": path}),
        (write, {"path": path, "content": "x"}),
        (write, {"path": f"{path}/x", "content": "x", "create_dirs": True}),
        (append, {"path": path, "content": "x"}),
        (delete, {"path": path}),
        (delete, {"path": path, "recursive": True}),
        (list_, {"path": path}),
        (look, {"path": path}),
        (copy, {"src": path, "dst": "taken"}),
        (copy, {"src": "own.txt", "dst": path}),
        (copy, {"src": "own", "dst": f"{path}/x", "create_dirs": True}),
        (move, {"src": path, "dst": "taken"}),
        (move, {"src": "own.txt", "dst": path}),
    ]


@pytest.fixture
def room(folder: Path) -> Path:
    (folder / "own").mkdir()
    (folder / "own.txt").write_text("own", encoding="utf-8")
    return folder


def everything(folder: Path) -> list[tuple[str, str | None]]:
    found = folder.rglob("*")
    return sorted(
        (str(path), path.read_text("utf-8") if path.is_file() else None) for path in found
    )


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "../../etc/passwd",
        "../../../../../../../../etc/passwd",
        "/etc/passwd",
        "own/../../secret.txt",
        "/proc/self/environ",
        "/",
        "..",
        "{room}-too/near.txt",
    ],
)
def test_no_action_goes_outside_and_each_names_the_root(
    context: Any, room: Path, path: str
) -> None:
    path = path.replace("{room}", str(room))
    (room.parent / "room-too").mkdir()
    (room.parent / "room-too/near.txt").write_text("near", encoding="utf-8")
    before = everything(room.parent)
    for action, params in every_way(path):
        with pytest.raises(PathDeniedError) as caught:
            context.do(action, **params)
        assert caught.value.details is not None
        assert caught.value.details["root_needed"] in caught.value.message
    assert everything(room.parent) == before


def test_odd_names_are_names(context: Any, room: Path) -> None:
    for name in ("..evil", "~", "$HOME", "a\nb", "-rf", "*", " "):
        context.do(write, path=name, content=name)
        assert context.do(read, path=name).content == name
        assert (room / name).exists()
        assert context.do(delete, path=name).deleted
    with pytest.raises(NotFoundError):
        context.do(read, path="~/.ssh/id_rsa")
    for action, params in every_way("own.txt\0.png"):
        with pytest.raises(ValidationError):
            context.do(action, **params)


def test_by_default_there_are_roots(context: Any, room: Path) -> None:
    context.roots = None
    assert context.do(read, path="own.txt").content == "own"
    with pytest.raises(PathDeniedError):
        context.do(read, path="/etc/passwd")
    with tempfile.TemporaryDirectory() as other:
        assert context.do(write, path=f"{other}/x", content="x").size == 1
    context.working_directory = "/"
    with pytest.raises(PathDeniedError):
        context.do(list_, path="/")
    with pytest.raises(PathDeniedError):
        context.do(list_, path="/etc")


def test_the_home_directory_is_the_root_of_who_started_at_the_top(
    context: Any, room: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any
) -> None:
    monkeypatch.setenv("HOME", str(room))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("other")))
    context.roots, context.working_directory = None, "/"
    assert context.do(read, path=str(room / "own.txt")).content == "own"
    for path in ("secret.txt", "room-too"):
        with pytest.raises(PathDeniedError) as caught:
            context.do(look, path=str(room.parent / path))
        assert caught.value.details is not None
        assert caught.value.details["roots"][0] == str(room)


@pytest.mark.parametrize("absolute", [False, True])
def test_links_that_leave_are_refused_by_every_action(
    context: Any, room: Path, absolute: bool
) -> None:
    outside = room.parent / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("outside", encoding="utf-8")
    (room / "file").symlink_to(room.parent / "secret.txt" if absolute else "../secret.txt")
    (room / "folder").symlink_to(outside if absolute else "../outside")
    (room / "twice").symlink_to("folder/secret.txt")
    before = everything(outside)
    for path in ("file", "twice", "folder/secret.txt", "folder/new"):
        for action, params in every_way(path):
            takes_the_link_itself = (
                action in (delete, move) and params.get("path", params.get("src")) == path
            )
            if takes_the_link_itself and not path.startswith("folder/"):
                continue
            with pytest.raises(PathDeniedError):
                context.do(action, **params)
    assert everything(outside) == before
    assert (room.parent / "secret.txt").read_text(encoding="utf-8") == "outside"
    assert not (room / "taken").exists()


def test_links_in_trees_are_listed_copied_and_deleted_as_links(context: Any, room: Path) -> None:
    outside = room.parent / "outside"
    outside.mkdir()
    (outside / "leaf").write_text("outside", encoding="utf-8")
    (room / "own/out").symlink_to("../../outside")
    (room / "own/file").symlink_to("../../secret.txt")
    found = context.do(list_, path="own", recursive=True)
    assert [(entry.name, entry.is_dir) for entry in found.entries] == [
        ("file", False),
        ("out", False),
    ]
    context.do(copy, src="own", dst="copied")
    assert (room / "copied/out").readlink() == Path("../../outside")
    context.do(move, src="copied/out", dst="out")
    context.do(delete, path="own", recursive=True)
    context.do(delete, path="out", recursive=True)
    assert (outside / "leaf").read_text(encoding="utf-8") == "outside"
    assert (room.parent / "secret.txt").exists()


def test_links_that_go_round_in_circles_are_refused(context: Any, room: Path) -> None:
    (room / "round").symlink_to("circle")
    (room / "circle").symlink_to("round")
    for action, params in every_way("round/x"):
        with pytest.raises(PathDeniedError):
            context.do(action, **params)
    assert context.do(delete, path="round").deleted


def test_a_link_from_one_root_into_another_is_followed(context: Any, room: Path) -> None:
    other = room.parent / "other"
    other.mkdir()
    context.roots = [str(room), str(other)]
    (room / "over").symlink_to(other)
    context.do(write, path="over/x", content="there")
    assert (other / "x").read_text(encoding="utf-8") == "there"


@pytest.mark.parametrize(
    "pattern", ["../*", "**/*", "/", "..", "../../etc/host*", "own/*", "a\0", "", "*" * 300]
)
def test_patterns_that_climb_are_refused(context: Any, pattern: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="pattern"):
        context.do(list_, path=".", pattern=pattern)


def test_patterns_take_no_longer_than_they_should(context: Any, room: Path) -> None:
    (room / ("a" * 255)).touch()
    assert context.do(list_, path=".", pattern="*a" * 120 + "b").entries == []


@pytest.mark.parametrize("kind", ["fifo", "socket", "zero"])
def test_special_files_are_refused_without_waiting(context: Any, room: Path, kind: str) -> None:
    special = room / "own/special"
    if kind == "fifo":
        os.mkfifo(special)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            folder = os.open(special.parent, os.O_RDONLY)
            listening.bind(f"/proc/self/fd/{folder}/special")  # a path that is short enough
            os.close(folder)
    else:
        try:
            os.mknod(special, 0o20666, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root makes devices")
    (room / "link").symlink_to("own/special")
    for path in ("own/special", "link"):
        for action, params in every_way(path):
            itself = (
                path == "link" and action in (delete, move) and "own.txt" not in params.values()
            )
            if itself or action is list_ or "create_dirs" in params:
                continue
            with pytest.raises(PathDeniedError):
                context.do(action, **params)
    for action, params in (
        (copy, {"src": "own", "dst": "taken"}),
        (move, {"src": "own", "dst": "taken"}),
        (delete, {"path": "own", "recursive": True}),
    ):
        with pytest.raises(PathDeniedError):
            context.do(action, **params)
    assert special.exists()
    assert sorted(path.name for path in room.iterdir()) == ["link", "own", "own.txt"]


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/environ", "/proc/self/mem"])
def test_what_the_kernel_makes_up_is_refused_where_everything_is_a_root(
    context: Any, room: Path, path: str
) -> None:
    context.roots = ["/"]
    for action in (read, look):
        with pytest.raises(PathDeniedError):
            context.do(action, path=path)
    with pytest.raises(PathDeniedError):
        context.do(copy, src=path, dst=str(room / "taken"))


def test_roots_stay_where_they_are(context: Any, room: Path) -> None:
    (room / "inner/base").mkdir(parents=True)
    (room / "inner/base/x").write_text("x", encoding="utf-8")
    context.roots = [str(room), str(room / "inner/base")]
    for path in (".", str(room), "own/..", "inner/base", "inner"):
        for action, params in (
            (delete, {"path": path, "recursive": True}),
            (move, {"src": path, "dst": str(room / "own/moved")}),
        ):
            with pytest.raises((PathDeniedError, ValidationError)):
                context.do(action, **params)
    assert (room / "inner/base/x").exists()
    with pytest.raises(PathDeniedError):
        context.do(delete, path=".")
    assert context.do(copy, src="inner/base", dst="copied").size == 1, "a root may be copied"


def test_the_servers_own_files_are_safe_from_every_action(context: Any, room: Path) -> None:
    own = room / "own/opcode.db"
    own.write_text("mine", encoding="utf-8")
    context.protect(own)
    (room / "hard").hardlink_to(own)
    (room / "soft").symlink_to("own/opcode.db")
    for path in ("own/opcode.db", "hard", "soft"):
        for action, params in every_way(path):
            itself = (
                path == "soft" and action in (delete, move) and "own.txt" not in params.values()
            )
            if itself or action is list_ or "create_dirs" in params:
                continue
            with pytest.raises(PathDeniedError):
                context.do(action, **params)
    for action, params in (
        (copy, {"src": "own", "dst": "taken"}),
        (move, {"src": "own", "dst": "taken"}),
        (delete, {"path": "own", "recursive": True}),
    ):
        with pytest.raises(PathDeniedError):
            context.do(action, **params)
    assert own.read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in room.iterdir()) == ["hard", "own", "own.txt", "soft"]
    assert [entry.name for entry in context.do(list_, path="own").entries] == ["opcode.db"]


def test_a_copy_never_gives_more_rights_than_permissions(context: Any, room: Path) -> None:
    (room / "own/tool").touch()
    (room / "own/tool").chmod(0o6755)
    context.do(copy, src="own/tool", dst="tool")
    context.do(copy, src="own", dst="dup")
    for path in ("tool", "dup/tool"):
        assert (room / path).stat().st_mode & 0o7777 == 0o755
    assert context.do(look, path="own/tool").permissions == "6755"


def test_names_that_are_no_text_are_shown(context: Any, room: Path) -> None:
    name = os.fsdecode(b"bad\xff")
    (room / "own" / name).touch()
    found = context.do(list_, path="own")
    assert [entry.name for entry in found.entries] == ["bad\ufffd"]
    found.model_dump_json().encode("utf-8")
    assert context.do(copy, src="own", dst="dup").is_dir
    assert context.do(delete, path="own", recursive=True).deleted
