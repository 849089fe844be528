"""What a workflow had is let go of when it has ended: at once, without the collector of cycles, and to the system."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from engine_room import loop, parallel
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.settings import Settings
from test_mcp_stdio import Wire, wire

__all__ = ["wire"]
MEGABYTE = 1 << 20
MOST = 40 * MEGABYTE
"""How much larger a server may be after a hundred megabytes of output, of which it keeps ten."""
UUID = {"action": "crypto.uuid"}
READ = {"action": "fs.stat", "params": {"path": "/"}}
WORKFLOWS: dict[str, list[dict[str, Any]]] = {
    "steps": [{"id": "a", **UUID}, {"id": "b", **READ, "depends_on": ["a"]}],
    "a level": [{"id": "a", **UUID}, {"id": "b", **READ}, {"id": "c", **READ}],
    "branches": [parallel([{"id": "a", **READ}], [{"id": "b", **UUID}])],
    "iterations": [loop({"id": "a", **READ}, over=[1, 2, 3])],
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize("kind", WORKFLOWS)
async def test_a_workflow_leaves_nothing_for_the_collector_of_cycles(
    tmp_path: Path, kind: str
) -> None:
    async with open_service(Settings(db_path=tmp_path / "x.db", values={"fs.roots": ["/"]})) as it:
        await it.define(DefineRequest("t", {"steps": WORKFLOWS[kind]}, "me"))
        await it.run(RunRequest("t", "me"))  # what is made once is made
        await asyncio.sleep(0)
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            answer = await it.run(RunRequest("t", "me"))
            assert answer["status"] == "completed"
            del answer
            await asyncio.sleep(0)
            gc.collect()
            left = {type(one).__name__ for one in gc.garbage}
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert not left & {"WorkflowState", "WorkflowRun", "StepState", "Frame", "LiveWorkflow"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_hundred_megabytes_of_output_do_not_stay(wire: Wire) -> None:
    def resident() -> int:
        pages = Path(f"/proc/{wire.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    script = "head -c 100000000 /dev/zero | tr '\\0' x"
    shell = {"id": "a", "action": "shell.exec", "params": {"command": "sh", "args": ["-c", "true"]}}
    wire.define(shell, name="small")
    wire.define({**shell, "params": {"command": "sh", "args": ["-c", script]}}, name="large")
    wire.call("run", template_name="small", agent_id="me")
    before = resident()
    answer = wire.call("run", template_name="large", agent_id="me", wait_ms=20_000)
    answered = answer["structuredContent"]
    assert answered["status"] == "completed"
    assert answered["output"]["bytes"] > 20 * MEGABYTE  # as text, and raw
    wire.call("run", template_name="small", agent_id="me")
    assert resident() - before < MOST
