"""Signals that wait for somebody to take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WaitingSignal:
    """A `data` signal that is kept for a step that waits for it, or will.

    Attributes:
        sequence: The event that brought it.
        name: The signal's name; None when it is meant for a step.
        step_id: The step it is meant for; None when it is meant for a name.
        payload: What it says.
    """

    sequence: int
    name: str | None
    step_id: str | None
    payload: dict[str, Any]

    def fits(self, step_id: str, name: str) -> bool:
        """Whether a step that waits for this name takes it."""
        return self.step_id == step_id if self.step_id is not None else self.name == name
