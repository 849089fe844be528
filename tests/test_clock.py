"""The clock of the machine: what waits goes by one that nobody sets, schedules by the one on the wall."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from opcode_core import clock as clocks
from opcode_core.clock import SystemClock
from opcode_core.model.requests import DefineRequest, RunRequest, StatusRequest
from opcode_core.opening import open_service
from opcode_core.settings import Settings

HOUR = 3600.0
IGNORE = {"strategy": "ignore"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def set_machine(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Somebody sets the clock of the machine."""
    right = time.time

    monkeypatch.setattr(time, "time", lambda: right() + seconds)


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_time_goes_on_when_the_clock_is_set(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    clock = SystemClock()
    before = clock.now()
    assert abs(before - time.time()) < 1
    set_machine(monkeypatch, seconds)
    assert 0 <= clock.now() - before < 1
    assert abs(clock.wall() - before - seconds) < 1


@pytest.mark.anyio
@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
async def test_a_wait_a_pause_and_a_deadline_last_as_long_as_they_say_when_the_clock_is_set(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """F51."""
    ask = {"prompt_context": "?", "options": [{"id": "x", "description": "x"}], "timeout": "300ms"}
    fails = {"action": "http.get", "params": {"url": "http://127.0.0.1:1/"}}
    steps = [
        {"id": "w", "type": "wait", "config": {"duration": "300ms"}},
        {"id": "r", **fails, "retry": {"max": 1, "delay": "200ms"}, "on_error": IGNORE},
        {"id": "d", "type": "reasoning", "config": {**ask, "fallback": "x"}},
        {"id": "a", "action": "crypto.uuid", "depends_on": ["w", "r", "d"]},
    ]
    settings = Settings(db_path=tmp_path / "x.db", durability="normal")
    async with open_service(settings) as service:
        await service.define(DefineRequest("t", {"steps": steps}, "me"))
        began = time.monotonic()
        run = await service.run(RunRequest("t", "me", wait_ms=1))
        assert run["status"] == "active"
        set_machine(monkeypatch, seconds)
        answer = await service.status(StatusRequest(run["workflow_id"], wait_ms=10_000))
        assert answer["status"] == "completed"
        assert 0.3 <= time.monotonic() - began < 5


@pytest.mark.anyio
async def test_an_alarm_is_not_late_because_the_machine_slept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event loop's own time stands still meanwhile."""
    monkeypatch.setattr(clocks, "_LOOK_SECONDS", 0.01)
    clock, rang = SystemClock(), asyncio.Event()
    alarm = clock.alarm(clock.now() + HOUR, rang.set)
    away = clock.alarm(clock.now() + HOUR, lambda: pytest.fail("it was cancelled"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(rang.wait(), 0.05)
    away.cancel()
    steady = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda which: steady(which) + HOUR)
    await asyncio.wait_for(rang.wait(), 5)
    alarm.cancel()


@pytest.mark.anyio
async def test_an_alarm_rings_no_sooner_than_it_is_time_and_at_once_when_it_was() -> None:
    clock, rang = SystemClock(), asyncio.Event()
    when = clock.now() + 0.05
    clock.alarm(when, rang.set)
    await asyncio.wait_for(rang.wait(), 5)
    assert clock.now() >= when
    rang.clear()
    clock.alarm(clock.now() - HOUR, rang.set)
    await asyncio.wait_for(rang.wait(), 5)
