"""Pauses and waits for signals: recorded when they begin and when they are over, so that a restart loses neither."""

from __future__ import annotations

from typing import Any

from opcode_core.durations import format_duration
from opcode_core.engine.waiting import SCOPE, Stopped
from opcode_core.engine.world import World
from opcode_core.errors import StepTimeoutError
from opcode_core.model import events
from opcode_core.model.signals import WaitingSignal
from opcode_core.moments import iso_time, parse_time, to_micros


async def sleep(world: World, step_id: str, seconds: float, name: str) -> float:
    """Wait so many seconds from when this was first called in the attempt; give the seconds it was."""
    run, now = world.run, world.runtime.now
    records = _records(world, step_id)
    if f"{name}.over" in records:
        return float(records[f"{name}.over"])
    if name not in records:
        began = now()
        kept = {"from": iso_time(to_micros(began)), "until": iso_time(to_micros(began + seconds))}
        run.record(
            events.WAIT_STARTED, step_id, {"once": name, "value": kept, "until": kept["until"]}
        )
    kept = _records(world, step_id)[name]
    until = parse_time(kept["until"]) / 1e6
    while now() < until:
        await world.waits.wait(step_id, "pause", until)
    waited = max(now() - parse_time(kept["from"]) / 1e6, 0.0)
    run.record(events.WAIT_COMPLETED, step_id, {"once": f"{name}.over", "value": waited})
    return waited


async def receive(world: World, step_id: str, signal: str, seconds: float | None) -> Any:
    """Wait for a `data` signal of this name, or take one that came before.

    Raises:
        StepTimeoutError: None came in time.
    """
    run, now = world.run, world.runtime.now
    name = f"signal {signal}"
    if SCOPE.get().stopped and not _records(world, step_id):
        raise Stopped
    if name not in _records(world, step_id):
        payload: dict[str, Any] = {"once": name, "signal": signal}
        if seconds is not None:
            payload["until"] = iso_time(to_micros(now() + seconds))
        payload["value"] = payload.get("until")
        run.record(events.WAIT_STARTED, step_id, payload)
    while True:
        records = _records(world, step_id)
        if f"{name}.over" in records:
            return records[f"{name}.over"]
        found = _taken(world, step_id, signal)
        if found is not None:
            _take(world, step_id, name, found)
            continue
        until = None if records[name] is None else parse_time(records[name]) / 1e6
        if until is not None and now() >= until:
            raise StepTimeoutError(
                f"the signal `{signal}` did not come within {format_duration(seconds or 0.0)}",
                {"signal": signal},
            )
        if run.state.steps[step_id].status != "suspended":
            run.record(events.STEP_SUSPENDED, step_id, {"reason": "signal", "signal": signal})
        await world.waits.wait(step_id, "outside", until)


def _records(world: World, step_id: str) -> dict[str, Any]:
    return world.run.state.steps[step_id].records or {}


def _taken(world: World, step_id: str, signal: str) -> WaitingSignal | None:
    return next((one for one in world.run.state.inbox if one.fits(step_id, signal)), None)


def _take(world: World, step_id: str, name: str, signal: WaitingSignal) -> None:
    payload = {
        "once": f"{name}.over",
        "value": signal.payload,
        "signal": name.removeprefix("signal "),
        "taken": signal.sequence,
    }
    world.run.record(events.WAIT_COMPLETED, step_id, payload)
