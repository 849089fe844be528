"""Circuit breakers: an action that fails again and again is left alone for a while, in all workflows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from opcode_core.actions import Action, Effect, Params
from opcode_core.errors import CircuitOpenError, OpcodeError
from opcode_core.model import events

_COUNTED = frozenset({"EXECUTION_ERROR", "TIMEOUT_ERROR"})

Tell = Callable[[str, dict[str, Any]], None]
"""Puts an event into the log of the workflow whose step noticed."""


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    open_until: float | None = None
    probing: bool = False


class Circuits:
    """The circuits of a process, one for each action, or for each action and host.

    Args:
        now: What time it is, in seconds.
        failures: How many failures in a row open a circuit; 0 for never.
        seconds: How long it stays open.
    """

    def __init__(self, now: Callable[[], float], failures: int = 5, seconds: float = 30.0) -> None:
        self._now = now
        self._failures = failures
        self._seconds = seconds
        self._circuits: dict[str, _Circuit] = {}

    def enter(self, action: Action, params: Params, tell: Tell) -> str | None:
        """An action is about to run.

        Returns:
            Its circuit, for `leave`; None for one that has none.

        Raises:
            CircuitOpenError: It failed too often lately.
        """
        name = self._name(action, params)
        circuit = None if name is None else self._circuits.get(name)
        if name is None or circuit is None or circuit.open_until is None:
            return name
        left = circuit.open_until - self._now()
        if left > 0 or circuit.probing:
            raise CircuitOpenError(
                f"{name} failed {circuit.failures} times in a row: it is not tried for {max(left, 0):.0f} s",
                {"circuit": name, "retry_in_ms": max(round(left * 1000), 0)},
            )
        circuit.probing = True
        tell(events.CIRCUIT_BREAKER_HALF_OPEN, {"circuit": name})
        return name

    def leave(self, name: str, failure: OpcodeError | None, tell: Tell) -> None:
        """An action has run; `failure` is how it failed, None for well."""
        circuit = self._circuits.get(name)
        if failure is None or failure.code not in _COUNTED:
            if circuit is not None and circuit.open_until is not None:
                tell(events.CIRCUIT_BREAKER_CLOSED, {"circuit": name})
            self._circuits.pop(name, None)
            return
        if circuit is None:
            circuit = self._circuits[name] = _Circuit()
        circuit.failures += 1
        if circuit.probing or (circuit.open_until is None and circuit.failures >= self._failures):
            circuit.probing = False
            circuit.open_until = self._now() + self._seconds
            payload = {"circuit": name, "failures": circuit.failures, "seconds": self._seconds}
            tell(events.CIRCUIT_BREAKER_OPEN, payload)

    def release(self, name: str) -> None:
        """An action was stopped before it was known how it went: another one may probe."""
        circuit = self._circuits.get(name)
        if circuit is not None:
            circuit.probing = False

    def _name(self, action: Action, params: Params) -> str | None:
        """Which circuit an action belongs to: none if it only computes, or waits for another workflow."""
        if not self._failures or action.waits:
            return None
        if action.effect is Effect.PURE and not action.touches:
            return None
        for field, kind in action.touches.items():
            if kind == "host":
                host = urlsplit(str(getattr(params, field, ""))).netloc.rpartition("@")[2]
                return f"{action.name} {host.lower()}"
        return action.name
