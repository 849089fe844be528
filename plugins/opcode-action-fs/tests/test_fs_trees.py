"""fs.append, fs.delete, fs.list and fs.stat: what they do, and the effects of all."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by their names

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from fs_room import code_of, context, folder, names, tree
from opcode_action_fs import listing
from opcode_action_fs.append import append
from opcode_action_fs.copy import copy
from opcode_action_fs.delete import delete
from opcode_action_fs.listing import list_
from opcode_action_fs.move import move
from opcode_action_fs.status import look
from opcode_core import (
    Effect,
    ExecutionError,
    NotFoundError,
    OpcodeError,
)


def test_effects_are_what_the_table_says() -> None:
    effects = {one.name: one.effect for one in (append, copy, delete, list_, look, move)}
    assert effects == {
        "fs.append": Effect.UNSAFE,
        "fs.copy": Effect.IDEMPOTENT,
        "fs.delete": Effect.IDEMPOTENT,
        "fs.list": Effect.PURE,
        "fs.move": Effect.UNSAFE,
        "fs.stat": Effect.PURE,
    }


# -------- append


def test_append_makes_a_file_and_gives_its_size_after(context: Any, folder: Path) -> None:
    assert context.do(append, path="a.txt", content="one\n").size == 4
    assert context.do(append, path="a.txt", content="zwölf\n").size == 11
    assert (folder / "a.txt").read_text(encoding="utf-8") == "one\nzwölf\n"
    assert (folder / "a.txt").stat().st_mode & 0o777 == 0o644
    assert context.do(append, path="j", content={"a": [1, None]}).size == 14
    assert (folder / "j").read_text(encoding="utf-8") == '{"a":[1,null]}'


def test_append_follows_a_link_that_stays_and_makes_no_folders(context: Any, folder: Path) -> None:
    (folder / "real").write_text("1", encoding="utf-8")
    (folder / "link").symlink_to("real")
    assert context.do(append, path="link", content="2").size == 2
    assert (folder / "real").read_text(encoding="utf-8") == "12"
    for missing in ("no/such", "dangling"):
        (folder / "dangling").unlink(missing_ok=True)
        (folder / "dangling").symlink_to("nothing")
        with pytest.raises(NotFoundError):
            context.do(append, path=missing, content="x")
    assert not (folder / "nothing").exists()


def test_appends_at_the_same_time_do_not_cut_into_each_other(context: Any, folder: Path) -> None:
    def many(letter: str) -> None:
        for _ in range(50):
            context.do(append, path="log", content=letter * 99 + "\n")

    threads = [threading.Thread(target=many, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (folder / "log").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 200
    assert {(len(line), len(set(line))) for line in lines} == {(99, 1)}


# -------- delete


def test_delete_says_whether_there_was_anything(context: Any, folder: Path) -> None:
    (folder / "a").write_text("x", encoding="utf-8")
    assert context.do(delete, path="a").deleted is True
    assert context.do(delete, path="a").deleted is False
    assert context.do(delete, path="no/such/thing").deleted is False
    assert not (folder / "a").exists()


def test_delete_needs_recursive_for_a_folder_that_is_not_empty(context: Any, tree: Path) -> None:
    with pytest.raises(ExecutionError) as caught:
        context.do(delete, path="src")
    assert code_of(caught) == "ENOTEMPTY"
    assert context.do(delete, path="src/none").deleted is True
    assert context.do(delete, path="src", recursive=True).deleted is True
    assert not tree.exists()


def test_deleting_a_link_deletes_the_link(context: Any, folder: Path, tree: Path) -> None:
    (folder / "to-src").symlink_to("src")
    assert context.do(delete, path="to-src", recursive=True).deleted is True
    assert names(folder) == ["src", *(f"src/{name}" for name in names(tree))]


# -------- list and stat


def test_a_listing_is_in_the_order_of_paths(context: Any, folder: Path) -> None:
    for path in ("b/x", "a/y", "a.txt", "a-b"):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text("xyz", encoding="utf-8")
    found = context.do(list_, path=".", recursive=True)
    paths = [entry.path for entry in found.entries]
    assert paths == [str(folder / path) for path in ("a", "a-b", "a.txt", "a/y", "b", "b/x")]
    assert paths == sorted(paths)
    assert found.truncated is False
    flat = context.do(list_, path=".")
    assert [(entry.name, entry.is_dir) for entry in flat.entries] == [
        ("a", True),
        ("a-b", False),
        ("a.txt", False),
        ("b", True),
    ]
    assert flat.entries[1].size == 3
    assert flat.entries[1].modified_at.endswith("Z")


def test_a_pattern_is_of_names_in_every_folder(context: Any, tree: Path) -> None:
    def found(**more: Any) -> list[str]:
        return [entry.name for entry in context.do(list_, path="src", **more).entries]

    assert found(pattern="*.txt") == ["a.txt"]
    assert found(pattern="[ab].*", recursive=True) == ["a.txt", "b.sh"]
    assert found(pattern="nothing") == []
    assert tree.exists()


def test_a_listing_stops_at_its_limit_and_says_so(
    context: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "edcba":
        (folder / name).touch()
    monkeypatch.setattr(listing, "MAX_LISTED", 5)
    assert context.do(list_, path=".").truncated is False
    monkeypatch.setattr(listing, "MAX_LISTED", 3)
    found = context.do(list_, path=".")
    assert ([entry.name for entry in found.entries], found.truncated) == (["a", "b", "c"], True)


def test_a_listing_needs_a_folder(context: Any, tree: Path) -> None:
    with pytest.raises(ExecutionError) as caught:
        context.do(list_, path="src/a.txt")
    assert code_of(caught) == "ENOTDIR"
    with pytest.raises(NotFoundError):
        context.do(list_, path="nowhere")
    assert context.do(list_, path="src/none").entries == []


def test_stat_says_what_it_is(context: Any, tree: Path) -> None:
    os.utime(tree / "in/b.sh", ns=(0, 1_000_000_000_123_456_789))
    found = context.do(look, path="src/in/b.sh")
    assert (found.size, found.is_dir, found.permissions) == (2, False, "0750")
    assert found.modified_at == "2001-09-09T01:46:40.123456Z"
    assert context.do(look, path="src/link").size == 1, "a link stands for what it leads to"
    assert context.do(look, path="src").is_dir is True
    with pytest.raises(NotFoundError):
        context.do(look, path="nowhere")


def test_names_that_are_too_long_are_an_error(context: Any, folder: Path, tree: Path) -> None:
    before, name = names(folder), "x" * 300
    for action, params in (
        (append, {"path": name, "content": "x"}),
        (delete, {"path": name}),
        (list_, {"path": name}),
        (look, {"path": name}),
        (copy, {"src": "src", "dst": name}),
        (move, {"src": "src/a.txt", "dst": f"{name}/x", "create_dirs": True}),
    ):
        with pytest.raises(OpcodeError):
            context.do(action, **params)
    assert names(folder) == before
