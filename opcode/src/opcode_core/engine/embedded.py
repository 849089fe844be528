"""The embedded runtime: asyncio, threads and a journal in this process."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from opcode_core import crashpoints
from opcode_core.actions import Action, Params
from opcode_core.durations import format_duration
from opcode_core.engine.circuits import Circuits
from opcode_core.engine.own_files import OwnFiles
from opcode_core.engine.runtime import Children, StoreUnavailableError
from opcode_core.errors import ExecutionError, StepTimeoutError, StoreError
from opcode_core.lent import ActionContext
from opcode_core.logs import logger
from opcode_core.model.events import Event
from opcode_core.model.state import WorkflowState
from opcode_core.moments import Clock
from opcode_core.settings import Settings
from opcode_core.store.protocol import Store

T = TypeVar("T")
_EXPRESSION_THREADS = 2


class ProcessResources:
    """What all workflows of a process share: slots, threads, settings, objects of plugins.

    Args:
        store: Where events go.
        settings: The settings.
        clock: What time it is.
    """

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self.store = store
        self.settings = settings
        self.clock = clock
        self.slots = asyncio.Semaphore(settings.pool_size)
        self.action_threads = ThreadPoolExecutor(settings.pool_size, "opcode-action")
        self.expression_threads = ThreadPoolExecutor(_EXPRESSION_THREADS, "opcode-expression")
        self.circuits = Circuits(clock.now, settings.breaker_failures, settings.breaker_seconds)
        self.own_files = OwnFiles(store, settings)
        self.closing = asyncio.Event()
        self._shared: dict[str, tuple[Any, Callable[[Any], Awaitable[None]]]] = {}

    def shared(self, key: str, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> T:
        """An object made once and closed with the process."""
        if key not in self._shared:
            self._shared[key] = (make(), close)
        return self._shared[key][0]  # type: ignore[no-any-return] # of the type that `make` gave

    async def close(self) -> None:
        """Close what plugins share and let the threads go."""
        for key, (value, close) in reversed(self._shared.items()):
            try:
                await close(value)
            except Exception:  # noqa: BLE001 - one plugin's trouble must not keep the others from closing
                logger.warning(
                    "a shared object did not close", exc_info=True, extra={"data": {"key": key}}
                )
        self._shared.clear()
        for threads in (self.action_threads, self.expression_threads):
            threads.shutdown(wait=False, cancel_futures=True)


class EmbeddedRuntime:
    """The world of one workflow in this process (`Runtime`).

    Args:
        workflow_id: The workflow.
        resources: What it shares with the others.
        children: The workflows it may start.
        careful: Whether each step's beginning is stored before anything of it is done.
    """

    def __init__(
        self,
        workflow_id: str,
        resources: ProcessResources,
        children: Children,
        careful: bool,  # noqa: FBT001 - every caller says it
    ) -> None:
        self._workflow_id = workflow_id
        self._resources = resources
        self._journal = resources.store.journal
        self.careful = careful
        self.children = children
        self.circuits = resources.circuits
        self.limits = resources.settings.limits
        self.now = resources.clock.now
        self.alarm = resources.clock.alarm
        self.random = random.random

    @property
    def closing(self) -> bool:
        """Whether the process is about to end."""
        return self._resources.closing.is_set()

    def store(self, event: Event, payload: bytes | None, state: WorkflowState) -> None:
        """Take an event to be stored."""
        self._journal.append(event, payload, state)

    async def stored(self) -> None:
        """Wait until everything taken so far is stored, however long the store fails: nothing is to run again."""
        try:
            await self._journal.kept(self._workflow_id)
        except StoreError as error:
            raise StoreUnavailableError(error.message) from error

    async def breathe(self) -> None:
        """Let others run for a moment."""
        await asyncio.sleep(0)

    async def within(self, seconds: float, allowed: float, work: Coroutine[Any, Any, T]) -> T:
        """Await work that may take so long from now, of `allowed` seconds in all."""
        try:
            async with asyncio.timeout(seconds) as limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise StepTimeoutError(
                f"the attempt took longer than its timeout of {format_duration(allowed)}",
                {"timeout_ms": round(allowed * 1000)},
            ) from None

    def slot(self) -> AbstractAsyncContextManager[None]:
        """A place in the pool of running actions."""
        return self._resources.slots

    async def call(self, action: Action, params: Params, context: ActionContext | None) -> Any:
        """Run an action."""
        crashpoints.point("action begins")
        output = await self._called(action, params, context)
        crashpoints.point("action ended")
        return output

    async def _called(self, action: Action, params: Params, context: ActionContext | None) -> Any:
        arguments: list[Any] = [params] if action.takes_params else []
        if action.takes_context:
            arguments.append(context)
        if action.kind == "async":
            return await action.run(*arguments)
        if action.kind == "inline":
            return action.run(*arguments)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._resources.action_threads, _contained, action.run, *arguments
        )

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Compute something that may take a while."""
        return await asyncio.get_running_loop().run_in_executor(
            self._resources.expression_threads, work
        )

    def setting(self, name: str) -> Any:
        """A setting by its dotted name; None if it is not set."""
        value = self._resources.settings.values.get(name)
        return self.limits.setting(name) if value is None else value

    def protected_files(self) -> frozenset[tuple[int, int]]:
        """Device and inode numbers of the server's own files."""
        return self._resources.own_files.identities()

    def protected_names(self) -> frozenset[tuple[tuple[int, int], str]]:
        """Names of the server's own files, there or not, each with the device and inode number of its folder."""
        return self._resources.own_files.names()

    async def shared(
        self, key: str, make: Callable[[], T], close: Callable[[T], Awaitable[None]]
    ) -> T:
        """An object made once for the process and closed with it."""
        return self._resources.shared(key, make, close)


class WatchedRuntime(EmbeddedRuntime):
    """The same for a workflow that somebody watches.

    Args:
        workflow_id: The workflow.
        resources: What it shares with the others.
        children: The workflows it may start.
        careful: See there.
        watch: Called with each event as it happens.
    """

    def __init__(
        self,
        workflow_id: str,
        resources: ProcessResources,
        children: Children,
        careful: bool,  # noqa: FBT001 - as above
        watch: Callable[[Event | None], None],
    ) -> None:
        super().__init__(workflow_id, resources, children, careful)
        self._watch = watch

    def store(self, event: Event, payload: bytes | None, state: WorkflowState) -> None:
        """Take an event to be stored, and show it."""
        super().store(event, payload, state)
        self._watch(event)


def _contained(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function in a thread; `SystemExit` and its like end the attempt, not the server."""
    try:
        return function(*arguments)
    except Exception:
        raise
    except BaseException as raised:  # noqa: BLE001 - it ends the attempt, not the thread
        raise ExecutionError(f"the action raised {type(raised).__name__}") from None
