"""What the engine lends an action, kept for a test to look at."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from opcode_core.errors import NotFoundError, PermissionDeniedError
from opcode_core.lent import Provenance
from opcode_core.logs import LEVELS
from opcode_core.references.provenance import Origins, TreeProvenance
from opcode_core.references.tree import NO_SOURCES, Node, Object
from opcode_core.settings import Limits

T = TypeVar("T")
WORKFLOW_ID = "00000000-0000-7000-8000-000000000001"


@dataclass(slots=True)
class RecordedLog:
    """The log of a step (`StepLog`).

    Attributes:
        lines: `(level, message, data)` of each line.
    """

    lines: list[tuple[str, str, Any]] = field(default_factory=list)

    def log(self, level: str, message: str, data: Any = None) -> None:
        """Keep a line.

        Raises:
            KeyError: There is no such level.
        """
        LEVELS[level]
        self.lines.append((level, message, data))


class Shelf:
    """Objects that actions share, for as long as a runner lives."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[Any, Callable[[Any], Awaitable[None]]]] = {}

    def take(self, key: str, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> T:
        """The object of this key, made when there is none."""
        if key not in self._objects:
            self._objects[key] = (make(), close)
        return self._objects[key][0]  # type: ignore[no-any-return] # of the type that `make` gave

    async def clear(self) -> None:
        """Close them all."""
        for value, close in reversed(self._objects.values()):
            with contextlib.suppress(Exception):
                await close(value)
        self._objects.clear()


class RecordedContext:
    """What the engine lends an action (`ActionContext`), and what the action did with it.

    Args:
        working_directory: Where relative paths begin.
        shelf: Objects that actions share.

    Attributes:
        events: `(event type, payload)` of what the action emitted.
        log: The log; `log.lines` has what was written.
        context: The workflow's context; `update_context` adds to it.
        children: Template → what a workflow of it gives; an exception is raised.
        child_contexts: The contexts of children, by workflow id.
        changes: What of the workflow's state the action changed: `update_context`, `run_workflow`.
        settings: Settings by dotted name.
        protected: Device and inode numbers never to be opened.
        protected_beside: `((device, inode number of a folder), name)` where nothing is to be made, moved or deleted.
    """

    def __init__(self, working_directory: str, shelf: Shelf) -> None:
        self.working_directory = working_directory
        self.workflow_id = WORKFLOW_ID
        self.step_id = "step"
        self.agent_id = "tester"
        self.attempt = 1
        self.retried = False
        self.idempotency_key = "00000000000000000000000000000001"
        self.provenance: Provenance = TreeProvenance(Object((), NO_SOURCES), {}, Origins())
        self.log = RecordedLog()
        self.events: list[tuple[str, Any]] = []
        self.context: dict[str, Any] = {}
        self.children: Mapping[str, Any] = {}
        self.child_contexts: dict[str, dict[str, Any]] = {}
        self.changes: list[str] = []
        self.settings: Mapping[str, Any] = {}
        self.protected: frozenset[tuple[int, int]] = frozenset()
        self.protected_beside: frozenset[tuple[tuple[int, int], str]] = frozenset()
        self._variables: Mapping[str, Any] = {}
        self._shelf = shelf

    def resolve_with(self, tree: Node, variables: Mapping[str, Any]) -> None:
        """Say which tree the parameters were resolved from, and with what."""
        self._variables = variables
        self.provenance = TreeProvenance(tree, variables, Origins())

    def emit(self, event_type: str, payload: Any = None) -> None:
        """Keep an event."""
        self.events.append((event_type, payload))

    def variables(self) -> Mapping[str, Any]:
        """What the step sees."""
        return self._variables

    def setting(self, name: str) -> Any:
        """A setting by its dotted name; None if it is not set."""
        return self.settings.get(name, Limits().setting(name))

    def protected_files(self) -> frozenset[tuple[int, int]]:
        """Device and inode numbers never to be opened."""
        return self.protected

    def protected_names(self) -> frozenset[tuple[tuple[int, int], str]]:
        """Names, each with the identity of its folder, where nothing is to be made, moved or deleted."""
        return self.protected_beside

    async def shared(
        self, key: str, make: Callable[[], T], close: Callable[[T], Awaitable[None]]
    ) -> T:
        """An object made once for this runner and closed with it."""
        return self._shelf.take(key, make, close)

    async def run_workflow(
        self,
        template_name: str,
        version: str | None,  # noqa: ARG002 - there is one of each
        params: Mapping[str, Any],  # noqa: ARG002 - what a child gives was said beforehand
    ) -> Any:
        """Give what `children` says.

        Raises:
            NotFoundError: It says nothing of such a template.
        """
        if template_name not in self.children:
            raise NotFoundError(f"there is no template `{template_name}`")
        self.changes.append("run_workflow")
        await asyncio.sleep(0)
        output = self.children[template_name]
        if isinstance(output, BaseException):
            raise output
        return output

    async def read_context(self, workflow_id: str | None = None) -> dict[str, Any]:
        """The context of this workflow, or of a child of it."""
        return dict(self._context_of(workflow_id))

    async def update_context(
        self, values: Mapping[str, Any], workflow_id: str | None = None
    ) -> None:
        """Add to the context of this workflow, or of a child of it."""
        self._context_of(workflow_id).update(values)
        self.changes.append("update_context")

    def _context_of(self, workflow_id: str | None) -> dict[str, Any]:
        if workflow_id is None or workflow_id == self.workflow_id:
            return self.context
        if workflow_id not in self.child_contexts:
            raise PermissionDeniedError(f"{workflow_id} is no child of this workflow")
        return self.child_contexts[workflow_id]
