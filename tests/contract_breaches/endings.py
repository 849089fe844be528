"""Actions that keep others waiting, or take no notice of being told to end."""

from __future__ import annotations

import asyncio
import contextlib
import time

from opcode_core import Effect, ExecutionError, action
from opcode_core.testing import Example

from contract_breaches.breach import Breach

_KEPT: set[asyncio.Task[None]] = set()


@action("breach.slow", effect=Effect.PURE)
def slow() -> None:
    """Take long in place."""
    time.sleep(0.08)


@action("breach.blocking", effect=Effect.PURE)
async def blocking() -> None:
    """Block the event loop between two waits."""
    await asyncio.sleep(0)
    time.sleep(0.08)  # noqa: ASYNC251 - that is the breach


@action("breach.sleeping", effect=Effect.PURE)
async def sleeping() -> None:
    """Block the event loop for good."""
    time.sleep(3)  # noqa: ASYNC251 - that is the breach


@action("breach.spinning", effect=Effect.PURE)
def spinning() -> None:
    """Never come back."""
    while True:
        pass


@action("breach.deaf", effect=Effect.PURE)
async def deaf() -> None:
    """Take no notice of being told to end."""
    for _ in range(100):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)


@action("breach.excusing", effect=Effect.PURE)
async def excusing() -> str:
    """Succeed when it is told to end."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    return "done"


@action("breach.complaining", effect=Effect.PURE)
async def complaining() -> None:
    """Fail in a way of its own when it is told to end."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise ExecutionError("somebody ended me") from None


@action("breach.staying", effect=Effect.PURE, blocking=True)
def staying() -> None:
    """Stay in its thread after the step has ended."""
    time.sleep(1.5)


@action("breach.hasty", effect=Effect.PURE)
async def hasty() -> None:
    """End where an example says that it does not."""
    await asyncio.sleep(0)


@action("breach.leaving", effect=Effect.PURE)
async def leaving() -> None:
    """Start a task and leave it."""
    task = asyncio.ensure_future(_tick())
    _KEPT.add(task)
    await asyncio.sleep(0)


async def _tick() -> None:
    await asyncio.sleep(60)


_ENDLESS = (Example(endless=True),)

BREACHES = (
    Breach("promptness", "blocking=True", slow),
    Breach("promptness", "asyncio.to_thread", blocking),
    Breach("promptness", r"endings.py:\d+ in sleeping", sleeping),
    Breach("promptness", r"endings.py:\d+ in spinning", spinning),
    Breach("timeout", "takes no notice", deaf, _ENDLESS),
    Breach("timeout", "an end of its own", excusing, _ENDLESS),
    Breach("timeout", "its thread goes on", staying, _ENDLESS),
    Breach("timeout", "it ended by itself", hasty, _ENDLESS),
    Breach("cancellation", "takes no notice", deaf, _ENDLESS),
    Breach("cancellation", "an end of its own", complaining, _ENDLESS),
    Breach("cancellation", "left 1 running task", leaving),
)
