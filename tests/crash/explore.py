"""Runs a workload, has it killed at a point, lets it go on, and looks at what is there.

    python -m crash.explore "linear" --pairs 40 [--every 1] [--jobs 2]        prints a report as JSON

Everything is imported once; each run is a fork of this process, so that it takes milliseconds to start and can be
killed like any other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from crash.actions import traced_actions
from crash.audit import audit
from crash.clock import ScaledClock
from crash.workloads import WORKLOADS, Workload, drive
from opcode_core import crashpoints
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution, Registry
from opcode_core.settings import Settings

SECONDS = 60
"""How long a run may take before it counts as hanging."""
MOST_STARTS = 3
"""How often a workload is started before it must have come to its end."""


class Explorer:
    """Runs one workload again and again.

    Args:
        workload: It.
        folder: Where its files go.
    """

    def __init__(self, workload: Workload, folder: Path) -> None:
        self._workload = workload
        self._folder = folder

    def undisturbed(self) -> tuple[list[str], Any]:
        """Run it without a crash; give the names of the points it comes to, and its output."""
        place = self._place("undisturbed")
        status = self._start(place, 0)
        wrong = audit(place / "x.db", place / "trace", 0)
        if status or wrong:
            raise AssertionError((status, wrong, (place / "stderr").read_text()))
        return (place / "points").read_text().splitlines(), json.loads(
            (place / "answer").read_text()
        )

    def killed(self, points: tuple[int, ...], expected: Any) -> dict[str, Any]:
        """Run it, killed at each of these points in a start of its own, and then to its end.

        Returns:
            `{at, crashes, wrong}`: where it was killed, how often, and everything that is wrong then.
        """
        place = self._place("-".join(map(str, points)))
        crashes, at, wrong = 0, [], []
        for point in (*points, 0):
            status = self._start(place, point)
            if status == -signal.SIGKILL:
                crashes += 1
                at.append((place / "points").read_text().splitlines()[-1])
            elif status:
                wrong.append(f"status {status}: {(place / 'stderr').read_text()[-2000:]}")
        if not wrong:
            wrong = audit(place / "x.db", place / "trace", crashes)
            answer = json.loads((place / "answer").read_text())
            if answer != expected:
                wrong.append(f"it came to {answer} instead of {expected}")
        if not wrong:
            for file in place.iterdir():
                file.unlink()
            place.rmdir()
        return {"points": points, "at": at, "crashes": crashes, "wrong": wrong}

    def _place(self, name: str) -> Path:
        place = self._folder / name
        place.mkdir()
        return place

    def _start(self, place: Path, crash_at: int) -> int:
        """Run it in a process of its own; give how that ended."""
        (place / "points").unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            self._child(place, crash_at)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)

    def _child(self, place: Path, crash_at: int) -> None:
        status = 1
        try:
            signal.alarm(SECONDS)
            with (place / "stderr").open("ab", buffering=0) as file:
                os.dup2(file.fileno(), 2)
            crashpoints.point = crashpoints.arm(
                {crashpoints.CRASH_AT: str(crash_at), crashpoints.CRASH_LOG: str(place / "points")}
            )
            answer = asyncio.run(self._run(place))
            (place / "answer").write_text(json.dumps([answer["status"], answer.get("output")]))
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it is, the parent reads it
            traceback.print_exc()
        finally:
            os._exit(status)

    async def _run(self, place: Path) -> dict[str, Any]:
        settings = Settings(db_path=place / "x.db", durability="normal")
        registry = _registry(place / "trace")
        clock = ScaledClock(place / "clock", self._workload.speed)
        async with open_service(settings, registry=registry, clock=clock) as service:
            return await drive(service, self._workload)


PLUGINS = load_plugins(Settings())
CEL = PLUGINS.engine("cel")
if CEL is not None:
    CEL.compile("1 + 1 == 2")  # what is imported for it is imported once, here


def _registry(trace: Path) -> Registry:
    """The built-in plugins, and the actions that leave traces; a process takes it once."""
    PLUGINS.take(Contribution("c", traced_actions(trace)))
    return PLUGINS


def plan(points: int, every: int, pairs: int) -> list[tuple[int, ...]]:
    """Where it is killed: at every point, and at some twice, the second time while it recovers."""
    chosen = random.Random(1)
    singles = [(point,) for point in range(1, points + 1, every)]
    doubles = [(one, two) for one in range(1, points + 1) for two in range(1, points + 1)]
    return [*singles, *chosen.sample(doubles, min(pairs, len(doubles)))]


def explore(name: str, every: int, pairs: int, jobs: int) -> dict[str, Any]:
    """Kill a workload at its points.

    Returns:
        `{points, names, starts, crashes, second, wrong, seconds}`.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="opcode-crash-", ignore_cleanup_errors=True) as folder:
        explorer = Explorer(WORKLOADS[name](), Path(folder))
        names, expected = explorer.undisturbed()
        planned = plan(len(names), every, pairs)
        workers = [_worker(explorer, planned[number::jobs], expected) for number in range(jobs)]
        done = [found for worker in workers for found in _collected(*worker)]
    return {
        "points": len(names),
        "names": sorted(set(names)),
        "runs": len(done),
        "crashes": sum(found["crashes"] for found in done),
        "second": sum(found["crashes"] == 2 for found in done),
        "at": sorted({at for found in done for at in found["at"]}),
        "wrong": [found for found in done if found["wrong"]],
        "seconds": round(time.monotonic() - began, 1),
    }


def _worker(explorer: Explorer, planned: list[tuple[int, ...]], expected: Any) -> tuple[int, int]:
    """Work a part of the plan off in a process of its own; give it and where it says what it found."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        try:
            with os.fdopen(writing, "w") as pipe:
                for points in planned:
                    pipe.write(json.dumps(explorer.killed(points, expected)) + "\n")
            status = 0
        except BaseException:  # noqa: BLE001 - the folder is the parent's, who must not be unwound here
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    return child, reading


def _collected(child: int, reading: int) -> list[dict[str, Any]]:
    with os.fdopen(reading) as pipe:
        found = [json.loads(line) for line in pipe]
    if (status := os.waitpid(child, 0)[1]) != 0:
        raise AssertionError(f"who explored ended with {os.waitstatus_to_exitcode(status)}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill a workload at every point.")
    parser.add_argument("workload", nargs="*", help=f"of {', '.join(WORKLOADS)}; all by default")
    parser.add_argument("--every", type=int, default=1, help="only every so-manieth point")
    parser.add_argument("--pairs", type=int, default=0, help="how often it is killed twice")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--summary", action="store_true", help="a line each, as it comes")
    options = parser.parse_args()
    reports = {}
    for name in options.workload or WORKLOADS:
        report = reports[name] = explore(name, options.every, options.pairs, options.jobs)
        if options.summary:
            told = {key: value for key, value in report.items() if key not in ("names", "at")}
            sys.stdout.write(f"{name} {told}\n")
            sys.stdout.flush()
    if not options.summary:
        json.dump(reports, sys.stdout)
    return 1 if any(report["wrong"] for report in reports.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
