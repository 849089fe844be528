"""What the engine and the service need of a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from opcode_core.model.definition import TemplateVersion
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState
from opcode_core.schedule.jobs import NewJob


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    Attributes:
        rows: The rows, as an agent sees them.
        next: The cursor of the part after it; None when there is none.
    """

    rows: list[dict[str, Any]]
    next: str | None


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """A template version to be stored; everything but its number, which the store gives.

    `jobs` are those that its triggers ask for: they become those of the template in the same transaction.
    """

    name: str
    definition: Any
    input_schema: Any
    output_schema: Any
    triggers: Any
    description: str | None
    agent_id: str
    created_at: int
    jobs: tuple[NewJob, ...] = ()


@dataclass(frozen=True, slots=True)
class UnfinishedWorkflow:
    """A workflow that has not ended.

    Attributes:
        workflow_id: The workflow.
        status: `active` or `suspended`.
        wakes_at: When a deadline of what a suspended one waits for passes, in microseconds since 1970; None for never.
        child_ended: Whether a workflow that it started has ended.
        orphaned: Whether whoever started it has completed or was cancelled, and nobody had a signal for it since.
    """

    workflow_id: str
    status: str
    wakes_at: int | None
    child_ended: bool
    orphaned: bool = False


@dataclass(frozen=True, slots=True)
class OldFamilies:
    """Some families of workflows that ended long ago: each with whatever its steps started.

    Attributes:
        workflow_ids: All their workflows, those that others started before those others.
        last: Where to look on; None when there was nothing more to look at.
    """

    workflow_ids: list[str]
    last: str | None


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many rows of each kind."""

    workflows: int = 0
    events: int = 0
    decisions: int = 0

    def __add__(self, other: Deleted) -> Deleted:
        return Deleted(
            self.workflows + other.workflows,
            self.events + other.events,
            self.decisions + other.decisions,
        )


class OldWorkflows(Protocol):
    """Finds and deletes workflows that ended long ago."""

    async def old_families(self, before: int, after: str) -> OldFamilies:
        """Some families of which every workflow had ended before a time (microseconds), beyond those looked at."""
        ...

    async def count(self, workflow_ids: Sequence[str]) -> Deleted:
        """What deleting these workflows would delete."""
        ...

    async def delete(self, workflow_ids: Sequence[str]) -> tuple[int, Deleted]:
        """Delete the first of these workflows; give how many are done with, and what was deleted."""
        ...


@dataclass(frozen=True, slots=True)
class ImportedVersion:
    """A version of a template that comes from elsewhere.

    Attributes:
        number: Its number there.
        template: The version.
    """

    number: int
    template: NewTemplate


@dataclass(frozen=True, slots=True)
class ImportedAs:
    """What became of an imported version.

    Attributes:
        name: Its template.
        number: Its number where it came from.
        stored: Its number here.
        new: Whether it was stored; the very same version may have been here already.
    """

    name: str
    number: int
    stored: int
    new: bool


class TemplateArchive(Protocol):
    """Reads and stores templates with all their versions."""

    async def read_all(self, names: Sequence[str]) -> list[TemplateVersion]:
        """All versions of the templates of these names, or of all; by name, the oldest first."""
        ...

    async def add_all(self, versions: Sequence[ImportedVersion]) -> list[ImportedAs]:
        """Store versions in one transaction, in this order; those of one template stand together, ascending.

        Each keeps its number while that is free. From the first on whose number is taken by another definition they are
        numbered anew, after all others of their template, so that they keep their order. The jobs of a version that
        becomes the latest become its template's.
        """
        ...


class Journal(Protocol):
    """Takes events and stores them in groups."""

    def append(self, event: Event, payload: bytes | None, state: WorkflowState) -> None:
        """Take an event; it will be stored with whatever else is ready by then."""
        ...

    async def stored(self, workflow_id: str) -> None:
        """Wait until everything taken so far of a workflow is stored.

        Raises:
            StoreError: An event of it could not be stored; unless the workflow is lost, that is tried again.
        """
        ...

    async def kept(self, workflow_id: str) -> None:
        """The same, however long the store fails.

        Raises:
            StoreError: The workflow is lost: what is in the log is what it was before.
        """
        ...

    def drop(self, workflow_id: str) -> bool:
        """Take back what is not stored of a workflow; says whether that can be."""
        ...

    def forget(self, workflow_id: str) -> None:
        """Nobody runs this workflow any more."""
        ...


class Store(Protocol):
    """The store as the service sees it."""

    @property
    def journal(self) -> Journal:
        """Where events go."""
        ...

    async def add_template(self, template: NewTemplate) -> str:
        """Store a new version; give its name, `v1`, `v2`, …: one for each call, however many at once."""
        ...

    async def template(self, name: str, version: str | None) -> TemplateVersion | None:
        """A version of a template, the latest by default; None when there is none."""
        ...

    async def state_of(self, workflow_id: str) -> WorkflowState | None:
        """A workflow, folded from its events; None when there is none."""
        ...

    async def find_by_key(self, agent_id: str, idempotency_key: str) -> str | None:
        """The workflow an agent started with this key; None when there is none."""
        ...

    async def list_workflows(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Workflows, newest first; filters `status`, `agent_id`, `template_name`, `since` (microseconds)."""
        ...

    async def list_events(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Events, oldest first; filters `workflow_id`, `event_type`, `step_id`, `since` (microseconds)."""
        ...

    async def list_decisions(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Decisions, newest first; filters `workflow_id`, `status`, `target_agent`."""
        ...

    async def list_templates(self, filters: dict[str, Any], limit: int, cursor: str | None) -> Page:
        """Template versions, newest first; filters `name`, `agent_id`."""
        ...

    async def list_unfinished(self) -> list[UnfinishedWorkflow]:
        """The workflows that have not ended."""
        ...

    async def close(self) -> None:
        """Store what was taken and close."""
        ...

    def files(self) -> Sequence[str]:
        """The paths of the store's own files, existing or not."""
        ...
