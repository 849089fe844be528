"""What the interpreter asks of the world: time, storing, waiting, running actions.

The embedded runtime is SQLite and asyncio in this process. Another one can stand on a different durable store, or on a
fake clock with a seeded order of completions; the interpreter is the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from opcode_core.actions import Action, ActionContext, Params
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState

T = TypeVar("T")


class StoreUnavailableError(BaseException):
    """What happened could not be stored: the run must stop here and must not treat it as a failed step.

    It is no `Exception`, so that nothing that handles a step's failure handles this.
    """


class Runtime(Protocol):
    """The world of one interpreter."""

    @property
    def closing(self) -> bool:
        """Whether the process is about to end: what runs may finish, nothing new begins."""
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

    async def sleep(self, seconds: float) -> None:
        """Wait; holds no slot; comes back early when the process is about to end."""
        ...

    async def within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """Await work that may take so long.

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

    async def shared(
        self, key: str, make: Callable[[], T], close: Callable[[T], Awaitable[None]]
    ) -> T:
        """An object made once for the process and closed with it."""
        ...


Variables = Mapping[str, Any]
