"""A folder to run commands in, and what the engine lends the action; the nursery ends with the test."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from opcode_action_shell.execute import ExecParams, execute
from opcode_action_shell.launch import Machine, Nursery


class Provenance:
    """Says of some parameters that data wrote them."""

    def __init__(self) -> None:
        self.brought_in: dict[tuple[str | int, ...], str] = {}

    def sources(self, *path: str | int) -> frozenset[str]:
        return frozenset({self.brought_in[path]} if path in self.brought_in else ())


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, level: str, message: str, data: Any = None) -> None:
        self.lines.append(message)


class Room:
    """Runs commands as the engine does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.working_directory = str(folder)
        self.settings: dict[str, Any] = {"fs.roots": [str(folder)]}
        self.provenance = Provenance()
        self.nursery = Nursery()
        self.log = Log()

    def setting(self, name: str) -> Any:
        return self.settings.get(name)

    async def shared(
        self, key: str, make: Callable[[], Any], close: Callable[[Any], Awaitable[None]]
    ) -> Any:
        return self.nursery

    async def run(self, command: str, *args: Any, **more: Any) -> dict[str, Any]:
        context: Any = self
        params = ExecParams(command=command, args=list(args), **more)
        given: dict[str, Any] = (await execute.run(params, context)).model_dump()
        return given

    async def sh(self, text: str, *args: Any, **more: Any) -> dict[str, Any]:
        return await self.run(text, *args, shell=True, **more)

    async def machine(self, **without: Any) -> Machine:
        """What this machine can do, or would be able to do with less."""
        found = await self.nursery.machine()
        if without:
            values = {name: getattr(found, name) for name in Machine.__dataclass_fields__}
            found = self.nursery._machine = Machine(**{**values, **without})
        return found


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def room(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Room]:
    folder = tmp_path / "room"
    folder.mkdir()
    made = Room(folder)
    yield made
    await made.nursery.close()


BARE = {"landlock": 0, "namespaces": False, "proc": False, "processes": False}
"""A machine that has nothing."""


def running(mark: str) -> list[int]:
    """The ids of the processes whose command line has this in it; what is dead and not yet reaped does not count."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
        except OSError:
            continue
        if mark.encode() in words and state != b"Z":
            found.append(int(entry.name))
    return found


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether something comes to hold; looked at again and again, as nobody tells when a process has ended."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - of what the kernel does there is no event
            await asyncio.sleep(0.01)
    return True


def kill(pid: int) -> None:
    """End one process at once."""
    os.kill(pid, signal.SIGKILL)
