"""Running a workflow in the engine of a database, when that is another process; or in this one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Protocol

from opcode_core.cli.client import CallRefusedError, EngineClient
from opcode_core.cli.version import core_version
from opcode_core.errors import ExecutionError, OpcodeError, StoreError
from opcode_core.local.hosting import hosts
from opcode_core.local.listener import listening
from opcode_core.model.events import Event
from opcode_core.model.requests import DefineRequest, RunRequest, SignalRequest
from opcode_core.moments import parse_time
from opcode_core.opening import open_service
from opcode_core.plugins.registry import Registry
from opcode_core.relay.connection import UnfitEngineError, connect
from opcode_core.relay.lock import lock_path, take_lock
from opcode_core.settings import Settings

_LOOK_MS = 300
_PAUSE = 0.02
_PATIENCE = 15.0


class RunsWorkflows(Protocol):
    """What of the service a command needs that runs a workflow and watches it."""

    async def define(self, request: DefineRequest) -> dict[str, Any]:
        """See `Service.define`."""
        ...

    async def watch(self, request: RunRequest) -> tuple[str, asyncio.Queue[Event | None]]:
        """See `Service.watch`."""
        ...

    async def signal(self, request: SignalRequest) -> dict[str, Any]:
        """See `Service.signal`."""
        ...

    async def result(self, workflow_id: str) -> dict[str, Any]:
        """See `Service.result`."""
        ...


@asynccontextmanager
async def here_or_elsewhere(settings: Settings, registry: Registry) -> AsyncIterator[RunsWorkflows]:
    """The service of this process, which is the engine of the database meanwhile, or that of the engine there is.

    Args:
        settings: The settings.
        registry: What the plugins brought, for this process.

    Raises:
        StoreError: The database cannot be used, or whoever holds it does not answer.
    """
    database = str(settings.db_path)
    lock, client = await asyncio.to_thread(_lock_or_engine, database)
    if client is None:
        async with (
            open_service(settings, registry=registry, lock=lock) as service,
            listening(database, hosts(service, settings, core_version())),
        ):
            yield service
        return
    with client:
        elsewhere = _Elsewhere(client)
        try:
            yield elsewhere
        finally:
            await elsewhere.close()


def _lock_or_engine(database: str) -> tuple[int | None, EngineClient | None]:
    """The lock, or the engine; neither when there can be no lock, which opening the store will tell."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            lock = take_lock(lock_path(database))
        except OSError:
            return None, None
        if lock is not None:
            return lock, None
        try:
            connection = connect(database)
            if connection is not None:
                return None, EngineClient(connection)
        except UnfitEngineError as error:
            raise StoreError(str(error), {"reason": "busy"}) from None
        except ConnectionError:
            continue  # it ended just now
        time.sleep(_PAUSE)
    raise StoreError(
        f"another process holds {lock_path(database)} and does not answer: end it",
        {"reason": "busy"},
    )


class _Elsewhere:
    """The service of the engine, asked over its socket."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client
        self._one_at_a_time = asyncio.Lock()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._following: asyncio.Task[None] | None = None
        self._seen = 0
        self._since: str | None = None

    async def define(self, request: DefineRequest) -> dict[str, Any]:
        return await self._ask("define", **_given(asdict(request)))

    async def watch(self, request: RunRequest) -> tuple[str, asyncio.Queue[Event | None]]:
        given = _given(asdict(request))
        given.pop("working_directory", None)  # the greeting has told it
        started = await self._ask("run", **given)
        self._follow(str(started["workflow_id"]))
        return str(started["workflow_id"]), self._events

    async def signal(self, request: SignalRequest) -> dict[str, Any]:
        try:
            return await self._ask("signal", **_given(asdict(request)))
        finally:
            if self._following is not None and self._following.done():
                self._follow(request.workflow_id)

    async def result(self, workflow_id: str) -> dict[str, Any]:
        return await self._ask("result", workflow_id=workflow_id)

    async def close(self) -> None:
        """Look no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait((self._following,))

    def _follow(self, workflow_id: str) -> None:
        self._following = asyncio.get_running_loop().create_task(self._look(workflow_id))

    async def _look(self, workflow_id: str) -> None:
        """Hand on the workflow's events until it has ended or is suspended, or cannot be seen any more."""
        try:
            status = "active"
            while status == "active":
                state = await self._ask("status", workflow_id=workflow_id, wait_ms=_LOOK_MS)
                status = state["status"]
                await self._new_events(workflow_id)
        finally:
            self._events.put_nowait(None)

    async def _new_events(self, workflow_id: str) -> None:
        more: str | None = None
        while True:
            filters = {"workflow_id": workflow_id, "since": self._since, "cursor": more}
            page = await self._ask("query", resource="events", filter=_given(filters))
            for row in page["events"]:
                if row["sequence"] > self._seen:
                    self._seen, self._since = row["sequence"], row["timestamp"]
                    self._events.put_nowait(_event(row))
            more = page.get("next")
            if more is None:
                return

    async def _ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        async with self._one_at_a_time:
            try:
                return await asyncio.shield(
                    asyncio.to_thread(lambda: self._client.call(verb, **arguments))
                )
            except CallRefusedError as refusal:
                raise _refused(refusal.error) from None
            except OSError:
                raise StoreError(
                    "the engine of the database went away; what it ran goes on with the next one",
                    {"reason": "busy"},
                ) from None


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _event(row: dict[str, Any]) -> Event:
    return Event(
        workflow_id=row["workflow_id"],
        sequence=row["sequence"],
        event_type=row["event_type"],
        step_id=row.get("step_id"),
        payload=row.get("payload"),
        agent_id=row.get("agent_id"),
        timestamp=parse_time(row["timestamp"]),
        size=0,
    )


def _refused(error: dict[str, Any]) -> OpcodeError:
    """The error that the engine told of, as one of ours."""
    kinds: list[type[OpcodeError]] = [OpcodeError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kind = next((one for one in kinds if one.code == error.get("code")), ExecutionError)
    return kind(str(error.get("message")), error.get("details"))
