"""What the interpreter asks of the world: time, storing, waiting, running actions.

The embedded runtime is SQLite and asyncio in this process. Another one can stand on a different durable store, or on a
fake clock with a seeded order of completions; the interpreter is the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from opcode_core.actions import Action, Params
from opcode_core.engine.circuits import Circuits
from opcode_core.lent import ActionContext
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState
from opcode_core.moments import Alarm
from opcode_core.settings import Limits

T = TypeVar("T")


class StoreUnavailableError(BaseException):
    """What happened could not be stored: the run must stop here and must not treat it as a failed step.

    It is no `Exception`, so that nothing that handles a step's failure handles this.
    """


@dataclass(frozen=True, slots=True)
class ChildRequest:
    """A workflow that a step starts.

    Attributes:
        workflow_id: Its id.
        template_name: Of which template.
        version: Which version of it; None for the latest.
        params: Its inputs.
        sources: Input → the namespaces that wrote into it.
        agent_id: Who starts it.
        working_directory: Where relative paths begin.
        parent: The workflow and the step that start it.
        depth: How many workflows it is a descendant of.
    """

    workflow_id: str
    template_name: str
    version: str | None
    params: dict[str, Any]
    sources: dict[str, list[str]]
    agent_id: str
    working_directory: str
    parent: tuple[str, str]
    depth: int


class Children(Protocol):
    """The workflows that a workflow may start and look after."""

    def new_id(self) -> str:
        """An id for a workflow."""
        ...

    async def prepare(self, request: ChildRequest) -> Any:
        """Everything that may be wrong with starting it, checked; gives what `start` needs.

        Raises:
            OpcodeError: It cannot be started.
        """
        ...

    def start(self, request: ChildRequest, prepared: Any) -> None:
        """Begin it; nothing is awaited, so that its first event is stored together with what led to it."""
        ...

    async def state_of(self, workflow_id: str) -> WorkflowState | None:
        """Where it stands; None if there is none."""
        ...

    def cancel(self, workflow_id: str) -> None:
        """Let it be cancelled, soon."""
        ...

    async def read_context(self, workflow_id: str, parent_id: str) -> dict[str, Any]:
        """The context of a child.

        Raises:
            PermissionDeniedError: It is no child of this parent.
        """
        ...

    async def update_context(
        self, workflow_id: str, parent_id: str, step_id: str, values: dict[str, Any]
    ) -> None:
        """Add to the context of a child.

        Raises:
            PermissionDeniedError: It is no child of this parent.
            ConflictError: It has ended.
        """
        ...


class Runtime(Protocol):
    """The world of one interpreter."""

    @property
    def children(self) -> Children:
        """The workflows it may start."""
        ...

    @property
    def circuits(self) -> Circuits:
        """The circuits of the actions."""
        ...

    @property
    def limits(self) -> Limits:
        """How large things may get."""
        ...

    @property
    def closing(self) -> bool:
        """Whether the process is about to end: what runs may finish, nothing new begins."""
        ...

    @property
    def careful(self) -> bool:
        """Whether each step's beginning is stored before anything of it is done, be it ever so harmless.

        So it is after the process has ended while the workflow ran: a step of it may have been the cause, and must be
        found out after a few times.
        """
        ...

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    def random(self) -> float:
        """A number from 0 to 1, for jitter."""
        ...

    def store(self, event: Event, payload: bytes | None, state: WorkflowState) -> None:
        """Take an event to be stored; `payload` is its payload as JSON, `state` the workflow with it folded in."""
        ...

    async def stored(self) -> None:
        """Wait until everything taken so far is stored.

        Raises:
            StoreUnavailableError: It cannot be.
        """
        ...

    async def breathe(self) -> None:
        """Let others run for a moment."""
        ...

    def alarm(self, when: float, call: Callable[[], None]) -> Alarm:
        """Call when it is so many seconds since 1970; soon when it was."""
        ...

    async def within(self, seconds: float, allowed: float, work: Coroutine[Any, Any, T]) -> T:
        """Await work that may take so long from now, of `allowed` seconds in all.

        Raises:
            StepTimeoutError: It took longer, and was cancelled.
        """
        ...

    def slot(self) -> AbstractAsyncContextManager[None]:
        """A place in the pool of running actions, for as long as the context lasts."""
        ...

    async def call(self, action: Action, params: Params, context: ActionContext | None) -> Any:
        """Run an action that is awaited or needs a thread, or is called in place; give what it returned."""
        ...

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Compute something that may take a while, without keeping others waiting."""
        ...

    def setting(self, name: str) -> Any:
        """A setting by its dotted name; None if it is not set."""
        ...

    def protected_files(self) -> frozenset[tuple[int, int]]:
        """Device and inode numbers of the server's own files."""
        ...

    def protected_names(self) -> frozenset[tuple[tuple[int, int], str]]:
        """Names of the server's own files, there or not, each with the device and inode number of its folder."""
        ...

    async def shared(
        self, key: str, make: Callable[[], T], close: Callable[[T], Awaitable[None]]
    ) -> T:
        """An object made once for the process and closed with it."""
        ...
