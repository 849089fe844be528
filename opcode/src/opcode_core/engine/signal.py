"""A signal as it is sent, and what one that applied has changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal as it is sent.

    Attributes:
        workflow_id: The workflow it is for.
        kind: `decision`, `data`, `cancel`, `retry`, `skip`, or `context`, which only a parent sends.
        payload: What it says.
        step_id: The step it is for, by its full id; None for none, or the only one it can be for.
        agent_id: Who sends it; None if nobody said.
        reasoning: Why.
        call: What the call is known by that sent it, when it may come again; None otherwise.
    """

    workflow_id: str
    kind: str
    payload: dict[str, Any]
    step_id: str | None = None
    agent_id: str | None = None
    reasoning: str | None = None
    call: str | None = None

    def payload_of_event(self) -> dict[str, Any]:
        """What the event says that it was received."""
        told: dict[str, Any] = {} if self.call is None else {"call": self.call}
        told |= {"signal_type": self.kind, "payload": self.payload}
        if self.agent_id is not None:
            told["agent_id"] = self.agent_id
        if self.reasoning is not None:
            told["reasoning"] = self.reasoning
        return told


@dataclass(frozen=True, slots=True)
class Effect:
    """What a signal that applied has changed.

    Attributes:
        goes_on: Whether the workflow goes on because of it.
        woken: Steps that wait and are to look at their state.
        withdrawn: Steps that wait and whose state was changed from outside.
        abandoned: Children that nobody waits for any more.
    """

    goes_on: bool
    woken: Collection[str] = ()
    withdrawn: Collection[str] = ()
    abandoned: Collection[str] = ()
