"""The workflows of the documentation run as the files beside them say, and the pages show the files."""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opcode_core.errors import OpcodeError
from opcode_core.jsonio import parse_json
from opcode_core.model.requests import (
    DefineRequest,
    QueryRequest,
    RunRequest,
    SignalRequest,
    StatusRequest,
)
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.service import Service
from opcode_core.settings import Settings

DOCS = Path(__file__).parents[1] / "docs"
WORKFLOWS = DOCS / "examples" / "workflows"
NAMES = sorted(path.stem for path in WORKFLOWS.glob("*.json"))
SHOWN = re.compile(r"<!-- \.\./examples/workflows/(\S+)\.json -->\n```json\n")
HOW_TOS = (
    *("action", "condition", "loop", "parallel", "wait", "reasoning", "handle-failures"),
    *("signals", "sub-workflows", "expressions"),
)
SECONDS = 10.0
TOLD = {"params", "needs", "asks", "signals", "expected"}
EXPECTED = {"status", "output", "error", "steps", "emitted"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings())


@pytest.fixture
async def service(tmp_path: Path, registry: Registry) -> AsyncIterator[Service]:
    settings = Settings(db_path=tmp_path / "docs.db", durability="normal")
    async with open_service(settings, registry=registry) as opened:
        yield opened


def told(name: str) -> dict[str, Any]:
    """What the file beside a workflow says of it."""
    return tomllib.loads((WORKFLOWS / f"{name}.toml").read_text(encoding="utf-8"))


async def define(service: Service, name: str) -> None:
    definition = parse_json((WORKFLOWS / f"{name}.json").read_bytes())
    answer = await service.define(DefineRequest(name, definition, "docs"))
    assert "warnings" not in answer


async def send(service: Service, workflow_id: str, signal: dict[str, Any]) -> None:
    """Send a signal; one that is to be refused leaves no trace in the workflow."""
    refused = signal.pop("refused", None)
    request = SignalRequest(workflow_id, **signal)
    if refused is None:
        await service.signal(request)
        return
    before = await service.query(QueryRequest("events", {"workflow_id": workflow_id}))
    with pytest.raises(OpcodeError) as raised:
        await service.signal(request)
    assert raised.value.code == refused
    assert await service.query(QueryRequest("events", {"workflow_id": workflow_id})) == before


async def settled(service: Service, workflow_id: str) -> dict[str, Any]:
    """The workflow once it has ended; one that is suspended until a deadline tells nobody when that passes."""
    async with asyncio.timeout(SECONDS):
        while True:
            answer = await service.status(StatusRequest(workflow_id, wait_ms=10_000))
            if answer["status"] not in ("active", "suspended"):
                return answer
            await asyncio.sleep(0.005)


@pytest.mark.anyio
@pytest.mark.parametrize("name", NAMES)
async def test_a_workflow_of_the_documentation_runs_as_it_is_told(
    service: Service, name: str
) -> None:
    case = told(name)
    for needed in (*case.get("needs", ()), name):
        await define(service, needed)
    answer = await service.run(RunRequest(name, "docs", params=case.get("params")))
    pending = [one["step_id"] for one in answer.get("pending_decisions", ())]
    assert pending == case.get("asks", pending)
    for signal in case.get("signals", ()):
        await send(service, answer["workflow_id"], signal)
    answer = await settled(service, answer["workflow_id"])
    expected = case["expected"]
    assert answer["status"] == expected["status"]
    assert answer.get("output") == expected.get("output", answer.get("output"))
    assert answer.get("error", {}).get("code") == expected.get("error")
    statuses = {
        step_id: answer["steps"][step_id]["status"] for step_id in expected.get("steps", ())
    }
    assert statuses == expected.get("steps", {})
    for event, payload in expected.get("emitted", {}).items():
        filters = {"workflow_id": answer["workflow_id"], "event_type": event}
        found = await service.query(QueryRequest("events", filters))
        assert [one["payload"] for one in found["events"]] == [payload]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_told_of_a_workflow_is_something_the_test_looks_at(name: str) -> None:
    case = told(name)
    assert set(case) <= TOLD
    assert set(case["expected"]) <= EXPECTED
    assert {"output", "error"} & set(case["expected"])


def test_every_workflow_is_shown_by_a_page_and_nothing_else_is_told_of() -> None:
    shown = {name for page in DOCS.rglob("*.md") for name in SHOWN.findall(page.read_text("utf-8"))}
    assert shown == set(NAMES)
    assert {path.stem for path in WORKFLOWS.glob("*.toml")} == set(NAMES)


@pytest.mark.parametrize("page", HOW_TOS)
def test_every_how_to_shows_workflows_that_run(page: str) -> None:
    assert SHOWN.search((DOCS / "how-to" / f"{page}.md").read_text(encoding="utf-8"))
