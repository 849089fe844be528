"""A run whose writes are remembered, for `powerloss` to lose the power at each of them.

    python -m crash.recording FOLDER full|normal|off

Whatever the engine has waited for is written into the file `acks` when the wait is over: a workflow and how far it was.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, Literal

from crash.actions import traced_actions
from crash.workloads import WORKLOADS, drive
from opcode_core.model.requests import RunRequest
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution
from opcode_core.settings import Settings
from opcode_core.store.sqlite import connections
from opcode_core.store.sqlite.journal import SqliteJournal

ROUNDS = 6
CHECKPOINT_PAGES = 40
"""Few, so that there are checkpoints to lose the power in."""


def acknowledge(file: Path) -> None:
    """Have every wait for the store write down what it has waited for."""
    acks = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    taken: dict[str, int] = {}
    append = SqliteJournal.append

    def appending(self: SqliteJournal, event: Any, payload: Any, state: Any) -> None:
        taken[event.workflow_id] = event.sequence
        append(self, event, payload, state)

    def waiting(wait: Any) -> Any:
        async def waited(self: SqliteJournal, workflow_id: str) -> None:
            upto = taken.get(workflow_id, 0)
            await wait(self, workflow_id)
            if upto:
                os.write(acks, f"{workflow_id} {upto}\n".encode())

        return waited

    SqliteJournal.append = appending  # type: ignore[method-assign] # this process is for this only
    SqliteJournal.stored = waiting(SqliteJournal.stored)  # type: ignore[method-assign] # as above
    SqliteJournal.kept = waiting(SqliteJournal.kept)  # type: ignore[method-assign] # as above


async def record(folder: Path, durability: Literal["full", "normal"]) -> None:
    """Run workflows of several kinds, and leave without closing anything, as at a power cut."""
    registry = load_plugins(Settings())
    registry.take(Contribution("c", traced_actions(folder / "trace")))
    settings = Settings(db_path=folder / "x.db", durability=durability)
    async with open_service(settings, registry=registry) as service:
        for name in ("linear", "reasoning and signals", "child workflow"):
            workload = WORKLOADS[name]()
            await drive(service, workload)
            again = RunRequest(
                list(workload.templates)[-1], "power", params=workload.params, wait_ms=0
            )
            for _ in range(ROUNDS):
                await asyncio.gather(*(service.run(again) for _ in range(3)))
                await asyncio.sleep(0.02)
        os._exit(0)


def main() -> None:
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    connections._CHECKPOINT_PAGES = CHECKPOINT_PAGES
    if mode == "off":  # what the replay must find fault with
        connections._SYNCHRONOUS = {"full": "off", "normal": "off"}
    acknowledge(folder / "acks")
    asyncio.run(record(folder, "normal" if mode == "normal" else "full"))


if __name__ == "__main__":
    main()
