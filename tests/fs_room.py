"""A room to work in, something outside of it, and what the engine lends an action."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opcode_action_fs import beneath, opening
from opcode_action_fs.opening import identity
from opcode_core import Action, ExecutionError


class Context:
    """What the engine lends an action, as far as these ask for it, and a loop to run them in."""

    def __init__(self, folder: Path) -> None:
        self.working_directory = str(folder)
        self.roots = [str(folder)]
        self.protected: set[tuple[int, int]] = set()
        self.protected_beside: set[tuple[tuple[int, int], str]] = set()
        self.runner = asyncio.Runner()
        self._shared: dict[str, tuple[Any, Callable[[Any], Awaitable[None]]]] = {}

    def setting(self, name: str) -> Any:
        return self.roots if name == "fs.roots" else None

    def protected_files(self) -> frozenset[tuple[int, int]]:
        return frozenset(self.protected)

    def protected_names(self) -> frozenset[tuple[tuple[int, int], str]]:
        return frozenset(self.protected_beside)

    def protect(self, path: Path) -> None:
        self.protected.add(identity(path.stat()))

    def protect_name(self, path: Path) -> None:
        self.protected_beside.add((identity(path.parent.stat()), path.name.casefold()))

    async def shared(
        self, key: str, make: Callable[[], Any], close: Callable[[Any], Awaitable[None]]
    ) -> Any:
        if key not in self._shared:
            self._shared[key] = (make(), close)
        return self._shared[key][0]

    def do(self, action: Action, **params: Any) -> Any:
        """Run an action as the engine does, whatever kind it is."""
        made = action.params(**params)
        if action.kind == "async":
            return self.runner.run(action.run(made, self))
        return action.run(made, self)

    def close(self) -> None:
        for value, close in self._shared.values():
            self.runner.run(close(value))  # type: ignore[arg-type] # a coroutine, of an async function
        self.runner.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The root, with something outside of it."""
    (tmp_path / "room").mkdir()
    (tmp_path / "secret.txt").write_text("outside", encoding="utf-8")
    return tmp_path / "room"


@pytest.fixture(params=["openat2", "walk"])
def context(
    folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Context]:
    """With the kernel's help, and without it."""
    if request.param == "walk":
        monkeypatch.setattr(opening, "open_beneath", beneath.walk_beneath)
    made = Context(folder)
    yield made
    made.close()


@pytest.fixture
def tree(folder: Path) -> Path:
    """A folder with a file, a folder below, an empty one and a link."""
    (folder / "src/in").mkdir(parents=True)
    (folder / "src/none").mkdir()
    (folder / "src/a.txt").write_text("A", encoding="utf-8")
    (folder / "src/in/b.sh").write_text("BB", encoding="utf-8")
    (folder / "src/in/b.sh").chmod(0o750)
    (folder / "src/link").symlink_to("a.txt")
    return folder / "src"


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def code_of(caught: pytest.ExceptionInfo[ExecutionError]) -> Any:
    assert caught.value.details is not None
    return caught.value.details["errno"]
