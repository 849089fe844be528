"""What a run may grow to, and that it keeps the version it began with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opcode_core import Effect, Params, action
from opcode_core.engine import outcome
from opcode_core.model.requests import DefineRequest, RunRequest, StatusRequest
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution
from opcode_core.service import Service
from opcode_core.settings import Settings

pytestmark = pytest.mark.anyio
MEBIBYTE = 1 << 20


class Value(Params):
    """One value of any kind."""

    value: Any = None


class Times(Params):
    """How often."""

    times: int


@action("limits.give", effect=Effect.PURE)
def give(params: Value) -> Any:
    """Give it back."""
    return params.value


@action("limits.repeat", effect=Effect.PURE)
def repeat(params: Times) -> Any:
    """Give so many letters."""
    return "x" * params.times


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def gate() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def service(tmp_path: Path, gate: asyncio.Event) -> AsyncIterator[Service]:
    @action("limits.wait", effect=Effect.PURE)
    async def wait() -> Any:
        """Wait at the gate."""
        await gate.wait()

    registry = load_plugins(Settings(plugins_allow=("steps", "cel")))
    registry.take(Contribution("limits", [give, repeat, wait]))
    settings = Settings(db_path=tmp_path / "o.db", durability="normal")
    async with open_service(settings, registry=registry) as opened:
        yield opened


async def run(
    service: Service, *steps: dict[str, Any], wait_ms: int = 30_000, **params: Any
) -> dict[str, Any]:
    await service.define(DefineRequest("t", {"steps": list(steps)}, "me"))
    return await service.run(RunRequest("t", "me", params=params, wait_ms=wait_ms))


RETRIED = {"retry": {"max": 3, "backoff": "none"}}


@pytest.mark.promise("limit.params-outputs")
async def test_resolved_parameters_beyond_4_mib_are_refused_and_not_tried_again(
    service: Service,
) -> None:
    five = ["${{inputs.text}}"] * 5
    step = {"id": "a", "action": "limits.give", "params": {"value": five}, **RETRIED}
    answer = await run(service, step, text="x" * MEBIBYTE)
    assert (answer["status"], answer["error"]["code"]) == ("failed", "LIMIT_EXCEEDED")
    assert answer["error"]["details"] == {"limit": 4 * MEBIBYTE}
    assert answer["steps"]["a"]["attempts"] == 1
    fine = await run(service, {**step, "params": {"value": five[:3]}}, text="x" * MEBIBYTE)
    assert fine["status"] == "completed"


@pytest.mark.promise("limit.params-outputs")
async def test_an_output_beyond_32_mib_is_refused_and_not_tried_again(service: Service) -> None:
    step = {"id": "a", "action": "limits.repeat", "params": {"times": 32 * MEBIBYTE}, **RETRIED}
    answer = await run(service, step)
    assert (answer["status"], answer["error"]["code"]) == ("failed", "LIMIT_EXCEEDED")
    assert answer["error"]["details"] == {"limit": 32 * MEBIBYTE}
    assert answer["steps"]["a"]["attempts"] == 1


@pytest.mark.promise("limit.events")
async def test_no_step_begins_when_a_workflow_has_all_its_events(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "MAX_EVENTS", 5)
    chain = [
        {"id": f"s{n}", "action": "limits.give", "depends_on": [f"s{n - 1}"] if n else []}
        for n in range(4)
    ]
    answer = await run(service, *chain)
    assert (answer["status"], answer["error"]["code"]) == ("failed", "LIMIT_EXCEEDED")
    shown = [answer["steps"][f"s{n}"]["status"] for n in range(4)]
    assert shown == ["completed", "completed", "failed", "pending"]


@pytest.mark.promise("run.frozen")
async def test_a_run_keeps_the_version_it_began_with(service: Service, gate: asyncio.Event) -> None:
    seen = {"value": ["first", "${{workflow.template_version}}"]}
    steps: list[dict[str, Any]] = [
        {"id": "wait", "action": "limits.wait"},
        {"id": "after", "action": "limits.give", "depends_on": ["wait"], "params": seen},
    ]
    begun = await run(service, *steps, wait_ms=0)
    other = {"id": "other", "action": "limits.give"}
    assert (await service.define(DefineRequest("t", {"steps": [other]}, "me")))["version"] == "v2"
    gate.set()
    answer = await service.status(StatusRequest(begun["workflow_id"], wait_ms=10_000))
    assert set(answer["steps"]) == {"wait", "after"}
    assert answer["steps"]["after"]["output"] == ["first", "v1"]
