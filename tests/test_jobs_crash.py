"""`kill -9` at every point of claiming and starting runs: each due time has one workflow, whenever it comes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from job_room import MINUTE, Room, due_times
from opcode_core.crashpoints import CRASH_AT, CRASH_LOG

pytestmark = [pytest.mark.anyio, pytest.mark.promise("schedules")]
EVERY_FIVE = {"expression": "*/5 * * * *", "name": "five", "missed": "all"}
POINTS = range(3, 21)
"""From the start of the engine to the claim of the second due time."""
VICTIM = """
import asyncio, sys
from pathlib import Path
from job_room import MINUTE, Room

async def main():
    room = Room(Path(sys.argv[1]), "2026-03-02T00:04:59")
    async with room.open() as service:
        await room.pass_time(5 * MINUTE + 1)

asyncio.run(main())
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def live(folder: Path, crash_at: int) -> int:
    """Let two due times come in a process that is killed at this point; give how it ended."""
    environment = {name: value for name, value in os.environ.items() if name[:7] != "OPCODE_"}
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    environment |= {CRASH_AT: str(crash_at), CRASH_LOG: str(folder / "points")}
    done = subprocess.run(
        [sys.executable, "-c", VICTIM, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


async def test_each_due_time_has_one_workflow(tmp_path: Path) -> None:
    born = Room(tmp_path, "2026-03-02T00:02:00")
    async with born.open() as service:
        await born.define(service, "t", {**EVERY_FIVE, "overlap": "queue"})
    seen = []
    for crash_at in POINTS:
        folder = tmp_path / str(crash_at)
        folder.mkdir()
        for file in tmp_path.glob("jobs.db*"):
            shutil.copy(file, folder)
        assert live(folder, crash_at) == -signal.SIGKILL
        seen.append((folder / "points").read_text().splitlines()[-1])
        room = Room(folder, "2026-03-02T00:10:30")
        async with room.open() as service:
            await room.pass_time(MINUTE)  # what waits behind another begins
            assert await due_times(room, service, "t") == ["2026-03-02T00:05", "2026-03-02T00:10"]
            assert {run["status"] for run in await room.runs(service, "t")} == {"completed"}
            await room.pass_time(MINUTE)
            assert len(await room.runs(service, "t")) == 2
        shutil.rmtree(folder)
    assert set(seen) >= {
        *("recovery begins", "transaction open", "transaction committed", "group stored"),
        *("action begins", "action ended", "workflow let go"),
    }
    assert seen.count("transaction committed") >= 4
