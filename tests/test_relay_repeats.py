"""Calls that come again under their number: each is done once, and answered as if nothing had been."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opcode_core.model.requests import Call, DefineRequest, QueryRequest, RunRequest, SignalRequest
from opcode_core.opening import open_service
from opcode_core.service import Service
from opcode_core.settings import Settings


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with open_service(Settings(db_path=tmp_path / "opcode.db")) as opened:
        yield opened


WAIT = {"id": "w", "type": "wait", "config": {"signal": "go"}}
AGAIN = {"id": "v", "type": "wait", "config": {"signal": "go"}, "depends_on": ["w"]}
FIRST = Call("conversation:7")


def again(since: float) -> Call:
    return Call(FIRST.key, since)


def definition(*steps: dict[str, Any], **more: Any) -> DefineRequest:
    return DefineRequest("t", {"steps": list(steps)}, "me", **more)


async def test_a_definition_that_was_stored_is_not_stored_again(service: Service) -> None:
    began = time.time()
    request = definition(WAIT, call=FIRST)
    assert (await service.define(request))["version"] == "v1"
    assert (await service.define(replace(request, call=again(began))))["version"] == "v1"
    later = replace(request, call=again(time.time()))
    assert (await service.define(later))["version"] == "v2", "that one was there before the call"
    other = definition(WAIT, AGAIN, call=again(began))
    assert (await service.define(other))["version"] == "v3"
    assert (await service.define(replace(request, call=again(began))))["version"] == "v2"
    assert (await service.define(replace(request, call=FIRST)))["version"] == "v4"


async def test_definitions_that_differ_by_a_type_are_two(service: Service) -> None:
    began = time.time()
    for number, version in ((1, "v1"), (1.0, "v2"), (True, "v3")):
        request = DefineRequest(
            "t", {"steps": [WAIT], "metadata": {"n": number}}, "me", call=again(began)
        )
        assert (await service.define(request))["version"] == version


async def test_a_run_is_begun_once_under_one_call(service: Service) -> None:
    await service.define(definition(WAIT))
    request = RunRequest("t", "me", wait_ms=0, call=FIRST)
    first = await service.run(request)
    second = await service.run(replace(request, call=again(time.time())))
    assert second["workflow_id"] == first["workflow_id"]
    never_begun = await service.run(replace(request, call=Call("conversation:8", 1.0)))
    assert never_begun["workflow_id"] != first["workflow_id"]
    own = await service.run(replace(request, idempotency_key="mine"))
    same = await service.run(replace(request, idempotency_key="mine", call=Call("other:1", 1.0)))
    assert own["workflow_id"] == same["workflow_id"] != first["workflow_id"]


@pytest.mark.parametrize("size", [1, 100_000])
async def test_a_signal_is_taken_once_under_one_call(service: Service, size: int) -> None:
    await service.define(definition(WAIT, AGAIN))
    run = await service.run(RunRequest("t", "me", wait_ms=0))
    request = SignalRequest(
        run["workflow_id"],
        "data",
        {"signal": "go", "text": "x" * size},
        agent_id="me",
        wait_ms=0,
        call=FIRST,
    )
    assert (await service.signal(request))["ok"]
    told = await service.signal(replace(request, call=again(time.time())))
    assert told["ok"]
    events = await service.query(
        QueryRequest("events", {"workflow_id": run["workflow_id"], "event_type": "signal_received"})
    )
    assert len(events["events"]) == 1, "the second wait still waits"
    assert (await service.signal(replace(request, call=Call("conversation:8", 1.0))))["ok"]


async def test_a_cancellation_that_was_taken_is_no_conflict(service: Service) -> None:
    await service.define(definition(WAIT))
    run = await service.run(RunRequest("t", "me", wait_ms=0))
    request = SignalRequest(run["workflow_id"], "cancel", {}, agent_id="me", call=FIRST)
    assert (await service.signal(request))["status"] == "cancelled"
    assert (await service.signal(replace(request, call=again(1.0))))["status"] == "cancelled"
