"""A workflow whose roots hold the database: neither the server's own files nor their names are its to touch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.service import Service
from opcode_core.settings import Settings

pytestmark = pytest.mark.anyio
SUFFIXES = ("", "-wal", "-shm", "-journal", ".lock", ".sock")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def serving(folder: Path, **more: Any) -> AsyncIterator[Service]:
    settings = Settings(db_path=folder / "x.db", values={"fs.roots": [str(folder)]}, **more)
    async with open_service(settings) as service:
        yield service


async def outcome(service: Service, action: str, **params: Any) -> str:
    """The code of the error of a step with this action; empty when it completed."""
    step = {"id": "a", "action": action, "params": params}
    await service.define(DefineRequest("t", {"steps": [step]}, "me"))
    answer = await service.run(RunRequest("t", "me", wait_ms=30_000))
    return str(answer.get("error", {}).get("code", ""))


def every_way(path: Path, spare: Path) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("fs.write", {"path": str(path), "content": "x"}),
        ("fs.append", {"path": str(path), "content": "x"}),
        ("fs.copy", {"src": str(spare), "dst": str(path)}),
        ("fs.move", {"src": str(spare), "dst": str(path)}),
        ("fs.write", {"path": f"{path}/x", "content": "x", "create_dirs": True}),
        ("fs.delete", {"path": str(path), "recursive": True}),
        ("fs.move", {"src": str(path), "dst": str(spare.with_name("taken"))}),
    ]


@pytest.mark.parametrize("name", [*(f"x.db{suffix}" for suffix in SUFFIXES), "opcode.toml"])
@pytest.mark.parametrize("way", ["straight", "linked"])
async def test_no_action_touches_them_there_or_not(tmp_path: Path, name: str, way: str) -> None:
    spare = tmp_path / "spare"
    spare.write_text("spare", encoding="utf-8")
    (tmp_path / "linked").symlink_to(".")
    path = tmp_path / name if way == "straight" else tmp_path / "linked" / name
    async with serving(tmp_path) as service:
        before = sorted(tmp_path.iterdir())
        for action, params in every_way(path, spare):
            no_folder = "create_dirs" in params and path.exists()
            expected = "EXECUTION_ERROR" if no_folder else "PATH_DENIED"
            assert await outcome(service, action, **params) == expected, (action, params)
        assert sorted(tmp_path.iterdir()) == before


async def test_the_settings_that_were_read_are_among_them(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf/mine.toml"
    file.write_text("# policy", encoding="utf-8")
    (tmp_path / "soft").symlink_to(file)
    (tmp_path / "hard").hardlink_to(file)
    spare = tmp_path / "spare"
    spare.touch()
    async with serving(tmp_path, file=file) as service:
        for path in (file, tmp_path / "hard"):
            for action, params in every_way(path, spare)[:4]:
                assert await outcome(service, action, **params) == "PATH_DENIED", (action, params)
        for action, params in every_way(tmp_path / "soft", spare)[:3]:
            assert await outcome(service, action, **params) == "PATH_DENIED", (action, params)
        for action, params in (
            ("fs.delete", {"path": str(file.parent), "recursive": True}),
            ("fs.move", {"src": str(file.parent), "dst": str(tmp_path / "gone")}),
            ("fs.read", {"path": str(file)}),
        ):
            assert await outcome(service, action, **params) == "PATH_DENIED"
        beside = {"path": str(tmp_path / "opcode.toml"), "content": "not the one that is read"}
        assert await outcome(service, "fs.write", **beside) == ""
    assert file.read_text(encoding="utf-8") == "# policy"


async def test_the_folder_of_the_database_can_be_used(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        for name in ("x.db-journal.txt", "journal", "notes.toml", "y.db"):
            assert await outcome(service, "fs.write", path=str(tmp_path / name), content="x") == ""
            assert await outcome(service, "fs.delete", path=str(tmp_path / name)) == ""
