"""What a run may grow to, and that it keeps the version it began with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opcode_core import Effect, Params, action
from opcode_core.errors import LimitExceededError, ValidationError
from opcode_core.model.requests import (
    DefineRequest,
    RunRequest,
    SignalRequest,
    StatusRequest,
)
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution
from opcode_core.service import Service
from opcode_core.settings import Limits, Settings

pytestmark = pytest.mark.anyio
MEBIBYTE = 1 << 20
INNER = {
    "id": "b",
    "type": "parallel",
    "config": {"branches": [[{"id": "c", "action": "limits.give"}]]},
}


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


@asynccontextmanager
async def limited(folder: Path, **limits: int) -> AsyncIterator[Service]:
    """A service whose limits are set."""
    settings = Settings(db_path=folder / "l.db", durability="normal", limits=Limits(**limits))
    registry = load_plugins(settings)
    registry.take(Contribution("limits", [give, repeat]))
    async with open_service(settings, registry=registry) as opened:
        yield opened


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
async def test_no_step_begins_when_a_workflow_has_all_its_events(tmp_path: Path) -> None:
    chain = [
        {"id": f"s{n}", "action": "limits.give", "depends_on": [f"s{n - 1}"] if n else []}
        for n in range(4)
    ]
    async with limited(tmp_path, events=5) as service:
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


@pytest.mark.parametrize(
    ("limits", "definition", "at"),
    [
        ({"steps": 1}, {"steps": [{"id": "a"}, {"id": "b"}]}, "/steps"),
        ({"definition_bytes": 1024}, {"steps": [], "metadata": {"x": "x" * 1024}}, ""),
        (
            {"nesting": 1},
            {"steps": [{"id": "a", "type": "parallel", "config": {"branches": [[INNER]]}}]},
            "/steps/0/config/branches/0/0/config/branches/0",
        ),
    ],
)
async def test_limits_of_definitions_can_be_set(
    tmp_path: Path, limits: dict[str, int], definition: dict[str, Any], at: str
) -> None:
    async with limited(tmp_path, **limits) as service:
        with pytest.raises(ValidationError) as caught:
            await service.define(DefineRequest("t", definition, "me"))
    assert caught.value.details is not None
    found = {issue["path"]: issue["code"] for issue in caught.value.details["issues"]}
    assert found[at] == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("limits", "step"),
    [
        ({"output_bytes": 1024}, {"action": "limits.repeat", "params": {"times": 2000}}),
        (
            {"params_bytes": 1024},
            {"action": "limits.give", "params": {"value": "${{inputs.long}}"}},
        ),
        ({"run_depth": 2}, {"action": "workflow.run", "params": {"template_name": "t"}}),
    ],
)
async def test_limits_of_runs_can_be_set(
    tmp_path: Path, limits: dict[str, int], step: dict[str, Any]
) -> None:
    async with limited(tmp_path, **limits) as service:
        await service.define(DefineRequest("t", {"steps": [{"id": "a", **step}]}, "me"))
        params = {"long": "x" * 5000}
        answer = await service.run(RunRequest("t", "me", params=params, wait_ms=20_000))
    error = answer["error"]
    while "cause" in error.get("details", {}):
        error = error["details"]["cause"]
    assert error["code"] == "LIMIT_EXCEEDED", answer


@pytest.mark.parametrize(
    ("limits", "config", "count"),
    [
        ({"loop_items": 2}, {"mode": "for_each", "over": [1, 2, 3]}, 2),
        ({"loop_items": 2}, {"mode": "for_each", "over": [1, 2, 3], "max_iter": 3}, 3),
        ({"loop_iterations": 2}, {"mode": "while", "condition": "true"}, 2),
    ],
)
async def test_caps_of_loops_can_be_set(
    tmp_path: Path, limits: dict[str, int], config: dict[str, Any], count: int
) -> None:
    body = [{"id": "b", "action": "limits.give"}]
    loop = {"id": "l", "type": "loop", "config": {**config, "body": body}}
    async with limited(tmp_path, **limits) as service:
        output = (await run(service, loop))["output"]
    assert output["iterations"] == count
    assert output.get("truncated", False) == (count == 2)


@pytest.mark.promise("limit.signals")
async def test_the_number_of_waiting_signals_can_be_set(tmp_path: Path) -> None:
    steps = [
        {"id": "w", "type": "wait", "config": {"signal": "never"}},
        {"id": "x", "type": "wait", "depends_on": ["w"], "config": {"signal": "later"}},
    ]
    async with limited(tmp_path, waiting_signals=2) as service:
        begun = await run(service, *steps)
        signal = SignalRequest(begun["workflow_id"], "data", {"signal": "later"}, wait_ms=0)
        for _ in range(2):
            await service.signal(signal)
        with pytest.raises(LimitExceededError, match="2 signals wait"):
            await service.signal(signal)
