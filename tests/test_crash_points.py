"""The server killed at every point, and what is there afterwards.

`make crash-all` kills many more times, also while it recovers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crash.workloads import WORKLOADS
from opcode_core import crashpoints

TESTS = Path(__file__).parent
PAIRS = 12
SECONDS = 240
EVERYWHERE = {
    *("migration begins", "migrating", "migrated", "recovery begins"),
    *("transaction begins", "transaction open", "transaction committed", "group stored"),
    *("action begins", "action ended", "workflow let go"),
    *("closing begins", "store closes", "store closed"),
}
"""The points that every workload comes to."""


def explore(name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "crash.explore", name, "--pairs", str(PAIRS)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        command, cwd=TESTS, env=environment, capture_output=True, timeout=SECONDS, check=False
    )
    assert done.stdout, done.stderr.decode()
    report: dict[str, Any] = json.loads(done.stdout)[name]
    return report


@pytest.mark.parametrize("name", WORKLOADS)
def test_killed_at_every_point_it_comes_to_the_same_end(name: str) -> None:
    report = explore(name)
    assert report["wrong"] == []
    assert report["runs"] == report["points"] + PAIRS
    assert report["crashes"] >= report["points"] * 0.9, "hardly anything was killed"
    assert report["second"] >= PAIRS // 4, "hardly anything was killed twice"
    assert set(report["names"]) >= EVERYWHERE


def test_the_points_of_all_workloads_are_those_there_are() -> None:
    """The crash points in the code, as far as the workloads come to them, are all there are."""
    sources = (TESTS.parent / "opcode" / "src").rglob("*.py")
    calls = "".join(path.read_text(encoding="utf-8") for path in sources).count(
        "crashpoints.point("
    )
    assert calls == len(EVERYWHERE | {"signal taken", "signal stored", "workflow resumed"})


def test_it_costs_nothing_when_nobody_asks_for_it() -> None:
    assert crashpoints.arm({}) is crashpoints._pass
    assert crashpoints.arm({"OPCODE_CRASH_AT": "soon"}) is crashpoints._pass
    assert crashpoints.point is crashpoints._pass


def test_the_environment_kills_a_process_where_it_says(tmp_path: Path) -> None:
    program = "from opcode_core import crashpoints as c; c.point('a'); c.point('b'); c.point('c')"
    environment = {
        **os.environ,
        "OPCODE_CRASH_AT": "2",
        "OPCODE_CRASH_LOG": str(tmp_path / "points"),
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert done.returncode == -9
    assert (tmp_path / "points").read_text() == "a\nb\n"
