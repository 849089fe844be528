"""A store in memory that takes and stores events as the real one does, and can lose what it has not stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
from opcode_core.model.definition import TemplateVersion
from opcode_core.model.events import Event
from opcode_core.model.state import FINISHED, WorkflowState
from opcode_core.moments import iso_time
from opcode_core.store.protocol import NewTemplate, Page, UnfinishedWorkflow


@dataclass
class Disk:
    """What outlives a process: the stored events of each workflow, and the templates.

    Attributes:
        events: Workflow → its stored events.
        templates: Name → its versions.
    """

    events: dict[str, list[Event]] = field(default_factory=dict)
    templates: dict[str, list[TemplateVersion]] = field(default_factory=dict)

    def fold(self, workflow_id: str) -> WorkflowState:
        """A workflow, from its stored events."""
        state = WorkflowState(workflow_id)
        for event in self.events.get(workflow_id, ()):
            state.apply(event)
        return state

    def is_orphan(self, state: WorkflowState) -> bool:
        """Whether a workflow's parent has ended without it, and nobody had a signal for it since."""
        if state.parent is None or state.status in FINISHED:
            return False
        parent = self.fold(state.parent[0])
        since = parent.completed_at or 0
        signals = (
            event.timestamp > since
            for event in self.events[state.workflow_id]
            if event.event_type == "signal_received"
        )
        return parent.status in ("completed", "cancelled") and not any(signals)

    def folded(self) -> list[WorkflowState]:
        """All workflows."""
        return [self.fold(workflow_id) for workflow_id in self.events]


class MemoryJournal:
    """Takes events, and stores all it has when a commit begins (`Journal`).

    Args:
        disk: Where they go.
        random: How long a commit takes.
    """

    def __init__(self, disk: Disk, random: Random) -> None:
        self._disk = disk
        self._random = random
        self._group: list[Event] = []
        self._committing: asyncio.Future[None] | None = None
        self._taken = self._done = 0
        self._never = asyncio.get_running_loop().create_future()
        self.gone = False
        self.states: dict[str, WorkflowState] = {}
        self.watch: Callable[[Event, WorkflowState], None] = lambda event, state: None

    def append(self, event: Event, payload: bytes | None, state: WorkflowState) -> None:
        """Take an event."""
        if self.gone:
            return
        told = None if payload is None else orjson.loads(payload)
        self.states[event.workflow_id] = state
        kept = event._replace(payload=told)
        self.watch(kept, state)
        self._group.append(kept)
        self._taken += 1
        if self._committing is None:
            self._committing = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(self._begin)

    async def stored(self, workflow_id: str) -> None:
        """Wait until everything taken so far is stored."""
        target = self._taken
        while self._done < target and self._committing is not None:
            await asyncio.wait((self._committing,))
        if self.gone:
            await self._never

    kept = stored

    def drop(self, workflow_id: str) -> bool:
        """Nothing fails here."""
        return False

    def forget(self, workflow_id: str) -> None:
        """Nobody runs it any more."""

    def _begin(self) -> None:
        taken, self._group = self._group, []
        delay = self._random.choice((0.0, 0.0, 0.001, 0.02))
        asyncio.get_running_loop().call_later(delay, self._end, taken)

    def _end(self, taken: list[Event]) -> None:
        committed, self._committing = self._committing, None
        self._done += len(taken)
        if not self.gone:
            for event in taken:
                self._disk.events.setdefault(event.workflow_id, []).append(event)
        if committed is not None and not committed.done():
            committed.set_result(None)
        if self._group:
            self._committing = asyncio.get_running_loop().create_future()
            self._begin()


class MemoryStore:
    """A store in memory (`Store`).

    Args:
        disk: What outlives it.
        random: How long things take.
    """

    def __init__(self, disk: Disk, random: Random) -> None:
        self.disk = disk
        self._random = random
        self.journal = MemoryJournal(disk, random)

    async def add_template(self, template: NewTemplate) -> str:
        """Store a new version."""
        versions = self.disk.templates.setdefault(template.name, [])
        version = f"v{len(versions) + 1}"
        versions.append(
            TemplateVersion(
                name=template.name,
                version=version,
                definition=template.definition,
                input_schema=template.input_schema,
                output_schema=template.output_schema,
                triggers=template.triggers,
                description=template.description,
                agent_id=template.agent_id,
                created_at=template.created_at,
            )
        )
        return version

    async def template(self, name: str, version: str | None) -> TemplateVersion | None:
        """A version of a template."""
        versions = self.disk.templates.get(name, [])
        if version is None:
            return versions[-1] if versions else None
        return next((one for one in versions if one.version == version), None)

    async def state_of(self, workflow_id: str) -> WorkflowState | None:
        """A workflow, folded from its events."""
        await asyncio.sleep(self._random.choice((0.0, 0.001)))
        if workflow_id not in self.disk.events:
            return None
        return self.disk.fold(workflow_id)

    async def find_by_key(self, agent_id: str, idempotency_key: str) -> str | None:
        """The workflow an agent started with this key."""
        for state in self.disk.folded():
            if (state.agent_id, state.idempotency_key) == (agent_id, idempotency_key):
                return state.workflow_id
        return None

    async def list_events(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Events of one workflow."""
        rows = [
            {**event._asdict(), "timestamp": iso_time(event.timestamp)}
            for event in self.disk.events.get(filters["workflow_id"], ())
        ]
        return Page(rows[:limit], None)

    async def list_workflows(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Not for simulations."""
        raise NotImplementedError

    list_decisions = list_templates = list_workflows

    async def list_unfinished(self) -> list[UnfinishedWorkflow]:
        """The workflows that have not ended."""
        states = self.disk.folded()
        ended = {state.parent[0] for state in states if state.parent and state.status in FINISHED}
        return [
            UnfinishedWorkflow(
                state.workflow_id,
                state.status,
                state.wakes_at() if state.status == "suspended" else None,
                state.workflow_id in ended,
                self.disk.is_orphan(state),
            )
            for state in states
            if state.status not in FINISHED
        ]

    async def close(self) -> None:
        """Store what was taken."""
        await self.journal.stored("")

    def files(self) -> Sequence[str]:
        """None."""
        return ()
