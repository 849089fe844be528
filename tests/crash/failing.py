"""The disk fails at each write and each sync, once and for good, with each error; and works again afterwards.

    python -m crash.failing FOLDER --writes 1 --syncs 1        run on the disk of `disk.c`; prints a report as JSON

Each case is a process of its own that runs workflows, has the disk fail, asks what can be asked meanwhile, has the disk
work again, and must come to the end of everything without being started anew. Its last word is the audit from outside.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import errno
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from crash.actions import traced_actions
from crash.audit import audit
from crash.workloads import AGENT, WORKLOADS, answer_it, drive
from opcode_core import logs
from opcode_core.errors import StoreError
from opcode_core.model.requests import DefineRequest, QueryRequest, RunRequest, StatusRequest
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution
from opcode_core.service import Service
from opcode_core.settings import Settings
from opcode_core.store.sqlite import connections

SECONDS = 60
KINDS = {"write": 1, "sync": 2}
ERRORS = {"full": errno.ENOSPC, "io": errno.EIO}
REASONS = {"full", "io"}
CHECKPOINT_PAGES = 30
FAILING_SECONDS = 0.4
"""How long a disk that fails for good does so, before it works again."""
PLUGINS = load_plugins(Settings())


@dataclass(frozen=True)
class Case:
    """One way in which the disk fails."""

    kind: str
    error: str
    at: int
    forever: bool


@dataclass
class Found:
    """What came of a case.

    Attributes:
        hits: How often the disk has failed.
        refused: How many calls were answered with STORE_ERROR.
        answered: How many calls were answered while it failed for good.
        wrong: Everything that is wrong.
    """

    hits: int = 0
    refused: int = 0
    answered: int = 0
    wrong: list[str] = field(default_factory=list)


class FailingDisk:
    """The disk of this process."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None)
        self._arm = library.disk_arm
        self._arm.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_int, ctypes.c_int]
        self._hits = library.disk_hits
        self._hits.restype = ctypes.c_long

    def fail(self, case: Case) -> None:
        """Fail from now on as the case says."""
        self._arm(KINDS[case.kind], case.at, ERRORS[case.error], case.forever)

    def work(self) -> int:
        """Work again; give how often it has failed."""
        hits = int(self._hits())
        self._arm(0, 0, 0, 0)
        return hits


async def run_case(place: Path, case: Case) -> Found:
    """Run workflows on a disk that fails."""
    connections._CHECKPOINT_PAGES = CHECKPOINT_PAGES
    PLUGINS.take(Contribution("c", traced_actions(place / "trace")))
    settings = Settings(db_path=place / "x.db", durability="full")
    found, disk = Found(), FailingDisk()
    async with open_service(settings, registry=PLUGINS) as service:
        for name in ("linear", "reasoning and signals"):
            for template, definition in WORKLOADS[name]().templates.items():
                await service.define(DefineRequest(template, definition, AGENT))
        before = await service.run(RunRequest("linear", AGENT, params={"n": 1}))
        disk.fail(case)
        await _load(service, found)
        if case.forever and disk._hits():
            await asyncio.sleep(FAILING_SECONDS)
            await _while_it_fails(service, before["workflow_id"], found)
        found.hits = disk.work()
        async with asyncio.timeout(SECONDS / 2):
            await _to_the_end(service, found)
    return found


async def _load(service: Service, found: Found) -> None:
    """Some workflows side by side; each call is answered, one way or the other."""
    calls = [
        *(
            service.run(
                RunRequest("linear", AGENT, params={"n": n}, idempotency_key=f"l{n}", wait_ms=300)
            )
            for n in range(3)
        ),
        *(
            service.run(RunRequest("decisions", AGENT, idempotency_key=f"d{n}", wait_ms=300))
            for n in range(2)
        ),
    ]
    for answer in await asyncio.gather(*calls, return_exceptions=True):
        _judge(answer, found)


def _judge(answer: Any, found: Found) -> None:
    if isinstance(answer, StoreError):
        found.refused += 1
        if (answer.details or {}).get("reason") not in REASONS:
            found.wrong.append(f"a reason of its own: {answer.to_json()}")
    elif isinstance(answer, BaseException):
        found.wrong.append(repr(answer))
    elif answer["status"] == "failed":
        found.wrong.append(f"a workflow failed: {answer}")


async def _while_it_fails(service: Service, workflow_id: str, found: Found) -> None:
    """What was stored can be looked at; nothing new begins."""
    try:
        answer = await service.run(RunRequest("linear", AGENT, params={"n": 0}, wait_ms=2000))
    except StoreError:
        found.refused += 1
    else:
        found.wrong.append(f"a run began on a disk that fails: {answer['status']}")
    for call in (
        service.status(StatusRequest(workflow_id)),
        service.query(QueryRequest("workflows")),
        service.query(QueryRequest("events", {"workflow_id": workflow_id})),
    ):
        try:
            await call
        except StoreError as error:
            found.wrong.append(f"what was stored cannot be read: {error.message}")
        else:
            found.answered += 1


async def _to_the_end(service: Service, found: Found) -> None:
    """The disk works again: everything that was begun comes to its end, and what was refused can begin."""
    for n in range(3):
        request = RunRequest(
            "linear", AGENT, params={"n": n}, idempotency_key=f"l{n}", wait_ms=20000
        )
        answer = await _when_it_works(partial(service.run, request))
        if answer["status"] != "completed":
            found.wrong.append(f"l{n} is {answer['status']}: {answer}")
    for name in ("linear", "reasoning and signals"):
        answer = await _when_it_works(partial(drive, service, WORKLOADS[name]()))
        if answer["status"] != "completed":
            found.wrong.append(f"{name} is {answer['status']}")
    rows = (await service.query(QueryRequest("workflows", {"status": "suspended"})))["workflows"]
    for row in rows:
        await _decide(service, row["workflow_id"])
    rows = (await service.query(QueryRequest("workflows", {"status": "active"})))["workflows"]
    for row in rows:
        answer = await service.status(StatusRequest(row["workflow_id"], wait_ms=20000))
        if answer["status"] == "suspended":
            await _decide(service, row["workflow_id"])


async def _when_it_works(call: Callable[[], Awaitable[Any]]) -> Any:
    """What a call gives, as soon as the store has noticed that the disk works."""
    while True:
        try:
            return await call()
        except StoreError:
            await asyncio.sleep(0.02)


async def _decide(service: Service, workflow_id: str) -> None:
    answer = await service.status(StatusRequest(workflow_id, wait_ms=1))
    while answer["status"] not in ("completed", "failed", "cancelled"):
        if answer["status"] == "suspended":
            await answer_it(service, answer)
        answer = await service.status(StatusRequest(workflow_id, wait_ms=2000))


def cases() -> Iterator[tuple[str, str, bool]]:
    """The ways in which a disk fails."""
    for kind in KINDS:
        for error in ERRORS:
            for forever in (False, True):
                yield kind, error, forever


def attempt(place: Path, case: Case) -> Found:
    """Run a case in a process of its own, and look at what it left."""
    place.mkdir()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(SECONDS)
            with (place / "stderr").open("ab", buffering=0) as file:
                os.dup2(file.fileno(), 2)
            logs.configure("info")
            found = asyncio.run(run_case(place, case))
            (place / "found").write_text(json.dumps(asdict(found)))
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it is, the parent reads it
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if status:
        told = (place / "stderr").read_text()[-2500:]
        return Found(wrong=[f"status {os.waitstatus_to_exitcode(status)}: {told}"])
    found = Found(**json.loads((place / "found").read_text()))
    found.wrong += audit(place / "x.db", place / "trace", 0)
    if found.wrong:
        found.wrong.append((place / "stderr").read_text()[-2500:])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Let the disk fail.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--writes", type=int, default=1, help="only every so-manieth write")
    parser.add_argument("--syncs", type=int, default=1, help="only every so-manieth sync")
    options = parser.parse_args()
    began, report = time.monotonic(), []
    for kind, error, forever in cases():
        at = 1
        while True:
            case = Case(kind, error, at, forever)
            found = attempt(options.folder / f"{kind}-{error}-{at}-{forever}", case)
            if not found.hits and not found.wrong:
                break
            report.append({**asdict(case), **asdict(found)})
            at += options.writes if kind == "write" else options.syncs
    json.dump({"cases": report, "seconds": round(time.monotonic() - began, 1)}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
