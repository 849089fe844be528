"""Files of the server's own that are not there yet: nothing may be planted under their names."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by their names

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fs_room import context, folder, names
from opcode_action_fs.append import append
from opcode_action_fs.copy import copy
from opcode_action_fs.delete import delete
from opcode_action_fs.move import move
from opcode_action_fs.write import write
from opcode_core import Action, NotFoundError, PathDeniedError

NAMES = ("o.db-journal", "o.db-wal", "o.db-shm", "o.db.lock", "o.db.sock", "opcode.toml")


@pytest.fixture
def room(context: Any, folder: Path) -> Path:
    """A folder `data` that a database could stand in, other ways to it, and something to put there."""
    (folder / "data").mkdir()
    (folder / "way").symlink_to("data")
    (folder / "forged").write_text("forged", encoding="utf-8")
    (folder / "tree/in").mkdir(parents=True)
    for name in NAMES:
        context.protect_name(folder / "data" / name)
    return folder


def every_way(path: str) -> list[tuple[Action, dict[str, Any]]]:
    """Every action that could put something at a path, or take something from there."""
    return [
        (write, {"path": path, "content": "x"}),
        (write, {"path": f"{path}/x/y", "content": "x", "create_dirs": True}),
        (append, {"path": path, "content": "x"}),
        (copy, {"src": "forged", "dst": path}),
        (copy, {"src": "tree", "dst": path}),
        (copy, {"src": "tree", "dst": f"{path}/x", "create_dirs": True}),
        (move, {"src": "forged", "dst": path}),
        (move, {"src": "tree", "dst": path}),
        (move, {"src": "leading", "dst": path}),
        (move, {"src": "forged", "dst": f"{path}/x", "create_dirs": True}),
        (delete, {"path": path}),
        (delete, {"path": path, "recursive": True}),
        (move, {"src": path, "dst": "taken"}),
    ]


SPELLINGS: list[Callable[[str], str]] = [
    lambda name: f"data/{name}",
    lambda name: f"./tree/../data//{name}",
    lambda name: f"way/{name}",
    lambda name: f"data/{name.upper()}",
    lambda name: f"data/{name}/",
    lambda name: f"data/{name.replace('o', 'O', 1).replace('s', 'ſ')}",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spell", SPELLINGS)
def test_nothing_is_planted(
    context: Any, room: Path, spell: Callable[[str], str], name: str
) -> None:
    (room / "leading").symlink_to("forged")
    before = names(room)
    for action, params in every_way(spell(name)):
        with pytest.raises(PathDeniedError):
            context.do(action, **params)
    assert names(room) == before


def test_nothing_is_planted_through_a_link_that_leads_there(context: Any, room: Path) -> None:
    (room / "link").symlink_to("data/o.db-journal")
    (room / "absolute").symlink_to(room / "data/o.db-journal")
    for link in ("link", "absolute"):
        with pytest.raises(NotFoundError):
            context.do(append, path=link, content="x")
        context.do(write, path=link, content="x")  # the link itself, which leads to nothing
        assert not (room / link).is_symlink()
    assert names(room / "data") == []


def test_what_somebody_else_has_put_there_stays(context: Any, room: Path) -> None:
    (room / "data/o.db.sock").symlink_to("../elsewhere/o.sock")
    (room / "data/opcode.toml").symlink_to("../forged")
    before = names(room)
    for action, params in (
        (delete, {"path": "data/o.db.sock"}),
        (write, {"path": "data/opcode.toml", "content": "x"}),
        (move, {"src": "data/opcode.toml", "dst": "taken"}),
        (delete, {"path": "data", "recursive": True}),
        (move, {"src": "data", "dst": "tree/data"}),
        (copy, {"src": "data", "dst": "tree/data"}),
    ):
        with pytest.raises(PathDeniedError):
            context.do(action, **params)
    assert names(room) == before


def test_not_to_another_disk_either(
    context: Any, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_disk(*_: Any, **__: Any) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "rename", other_disk)
    for src in ("forged", "tree"):
        with pytest.raises(PathDeniedError):
            context.do(move, src=src, dst="data/o.db-journal")
    assert names(room / "data") == []


def test_the_same_names_elsewhere_are_anybodys(context: Any, room: Path) -> None:
    for name in NAMES:
        context.do(write, path=f"tree/{name}", content="mine")
        context.do(move, src=f"tree/{name}", dst=f"tree/in/{name}")
    context.do(copy, src="tree", dst="data/tree")
    assert names(room / "data/tree/in") == sorted(NAMES)
    assert context.do(delete, path="data/tree", recursive=True).deleted
    for name in ("o.db-journal2", "xo.db-journal", "opcode.toml.bak", "o.db-journa"):
        context.do(write, path=f"data/{name}", content="mine")
