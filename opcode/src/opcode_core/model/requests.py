"""What the faces ask of the service: typed requests, checked by whoever makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """What to know a call by that may come again, because who asked outlives the process that was asked.

    Attributes:
        key: The same each time, and no other call's.
        since: When it came first, in seconds since 1970; None for the first time.
    """

    key: str
    since: float | None = None


@dataclass(frozen=True, slots=True)
class DefineRequest:
    """A definition to be checked and stored; see `Service.define`."""

    name: str
    definition: Any
    agent_id: str
    description: str | None = None
    input_schema: Any = None
    output_schema: Any = None
    triggers: Any = None
    dry_run: bool = False
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run to be started; `wait_ms` milliseconds until it is answered at the latest. See `Service.run`."""

    template_name: str
    agent_id: str
    version: str | None = None
    params: dict[str, Any] | None = None
    wait_ms: int = 10000
    idempotency_key: str | None = None
    dry_run: bool = False
    working_directory: str | None = None
    call: Call | None = None

    @property
    def key(self) -> str | None:
        """The name under which this run is started once only: the agent's own, or the call's."""
        if self.idempotency_key is not None or self.call is None:
            return self.idempotency_key
        return self.call.key

    @property
    def first(self) -> bool:
        """Whether nothing can have been started under that name."""
        return self.idempotency_key is None and self.call is not None and self.call.since is None


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """A workflow to be looked at; see `Service.status`."""

    workflow_id: str
    wait_ms: int = 0
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignalRequest:
    """A signal for a workflow; see `Service.signal`."""

    workflow_id: str
    signal_type: str
    payload: dict[str, Any]
    step_id: str | None = None
    agent_id: str | None = None
    reasoning: str | None = None
    wait_ms: int = 10000
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """A list to be made; see `Service.query`."""

    resource: str
    filter: dict[str, Any] = field(default_factory=dict)
