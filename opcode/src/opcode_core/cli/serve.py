"""The engine of a database: for an MCP client over stdio and for relays, or (`opcode serve`) for relays alone."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from opcode_core.cli.memory import give_memory_back
from opcode_core.cli.text import BAD_USAGE, DONE, FAILED, plain
from opcode_core.errors import StoreError
from opcode_core.logs import configure, logger
from opcode_core.mcp.signals import on_signals
from opcode_core.relay.handover import Handover
from opcode_core.relay.lock import lock_path, take_lock
from opcode_core.relay.process import end_at_once
from opcode_core.settings import Settings, SettingsError, load_settings

_GRACE = 10.0


def serve(lock: int | None, taken: Handover) -> int:
    """Be the engine until this process's client goes or a signal comes; give the exit code.

    Args:
        lock: The descriptor of the database's lock; None if it is still to be taken.
        taken: What this process has of its client from when it was a relay.
    """
    return _be_engine(lambda settings: _with_client(settings, lock, taken))


def serve_alone() -> int:
    """Be the engine without a client, as soon as no other process is, until a signal comes; give the exit code."""
    end_at_once()
    return _be_engine(lambda settings: _alone(settings, _waited_for_lock(str(settings.db_path))))


def _be_engine(begin: Callable[[Settings], Coroutine[Any, Any, None]]) -> int:
    gc.disable()  # until everything is loaded: nearly all that is made until then stays
    give_memory_back()
    configure("info")
    try:
        settings = load_settings()
    except SettingsError as error:
        logger.error("%s", error)
        return BAD_USAGE
    configure(settings.log_level)
    try:
        asyncio.run(begin(settings))
    except StoreError as error:
        logger.error(
            "%s", error.message, extra={"data": {"code": error.code, "details": error.details}}
        )
        return FAILED
    return DONE


@asynccontextmanager
async def _engine(settings: Settings, lock: int | None) -> AsyncIterator[tuple[Any, Any, str]]:
    """The service, its socket, and the version to say."""
    from opcode_core.cli.version import core_version
    from opcode_core.local.hosting import hosts
    from opcode_core.local.listener import listening
    from opcode_core.opening import open_service

    version = core_version()
    async with (
        open_service(settings, lock=lock) as service,
        listening(str(settings.db_path), hosts(service, settings, version)) as listener,
    ):
        yield service, listener, version


async def _with_client(settings: Settings, lock: int | None, taken: Handover) -> None:
    ending = asyncio.Event()
    on_signals(ending)
    async with _engine(settings, lock) as (service, listener, version):
        if taken.instance:
            logger.info("this process is the engine now")
        # the SDK takes longer to load than all the rest, and workflows that go on need not wait for it
        await asyncio.to_thread(_load)
        gc.enable()
        from opcode_core.mcp.server import build_server
        from opcode_core.mcp.stdio import serve_stdio
        from opcode_core.mcp.tools import ToolCalls

        async def stop(grace: float) -> None:
            listener.leave()
            await service.drain(grace)
            await listener.send_on()

        server = build_server(ToolCalls(service), version, settings.tool_names)
        await serve_stdio(server, stop, ending, taken)


async def _alone(settings: Settings, lock: int | None) -> None:
    ending = asyncio.Event()
    on_signals(ending)
    async with _engine(settings, lock) as (service, listener, _):
        gc.enable()
        where = plain(listener.path)
        sys.stderr.write(f"opcode: the engine of {plain(settings.db_path)} listens on {where}\n")
        sys.stderr.flush()
        await ending.wait()
        listener.leave()
        await service.drain(_GRACE)
        await listener.send_on()


def _waited_for_lock(database: str) -> int | None:
    """The lock, once no other process has it; None when there can be none, which opening the store will tell."""
    path = lock_path(database)
    try:
        lock = take_lock(path)
        if lock is None:
            logger.info(
                "another process is the engine of this database: this one takes over when that one goes"
            )
            _load()
            import opcode_core.local.hosting
            import opcode_core.opening  # noqa: F401 - while there is time

            lock = take_lock(path, wait=True)
    except OSError:
        return None
    return lock


def _load() -> None:
    """Load what speaks MCP."""
    import opcode_core.mcp.stdio
    import opcode_core.mcp.visits  # noqa: F401 - loaded for later
