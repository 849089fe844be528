"""One attempt of an action on a running event loop: called as the engine calls it, ended as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from opcode_core.actions import Action, Output, Params
from opcode_core.durations import format_duration
from opcode_core.engine.failures import as_error
from opcode_core.errors import CancelledByUserError, ExecutionError, OpcodeError, StepTimeoutError
from opcode_core.jsonio import read_json, write_json
from opcode_core.testing.attempts import GRACE, Attempt, Outcome
from opcode_core.testing.context import RecordedContext
from opcode_core.testing.parameters import resolve
from opcode_core.testing.stage import Steps, StuckError

BLOCKING = "opcode-blocking"
"""The name of threads in which blocking actions run."""
_AFTER = 0.2
"""How long what an attempt leaves behind may take to end."""


async def play(action: Action, attempt: Attempt, context: RecordedContext) -> Outcome:
    """Run one attempt.

    Args:
        action: The action.
        attempt: How it is called.
        context: What it is lent.

    Raises:
        StuckError: It takes no notice of its timeout or cancellation.
    """
    before = asyncio.all_tasks()
    outcome = Outcome(None, None, context)
    try:
        params = resolve(action, attempt.params, attempt.variables, context)
    except Exception as refused:  # noqa: BLE001 - a validator of the plugin's may raise anything
        return replace(outcome, error=as_error(refused), raised=refused)
    steps = Steps(_call(action, params, context))
    ending = _Ending()
    try:
        returned = await _ended(steps, attempt, ending)
        outcome = replace(outcome, returned=returned)
        outcome = replace(outcome, output=_as_json(returned))
    except StuckError:
        raise
    except BaseException as raised:  # noqa: BLE001 - whatever an action raises is its failure
        cancelled = isinstance(raised, asyncio.CancelledError)
        error = CancelledByUserError("it was cancelled") if cancelled else as_error(raised)
        outcome = replace(outcome, error=error, raised=raised)
    return replace(
        outcome,
        busy=steps.longest,
        waits=steps.waits,
        unheeded=ending.unheeded,
        left_tasks=await _left(before),
    )


@dataclass(slots=True)
class _Ending:
    """How an attempt took being told to end: whether it gave or raised something of its own instead."""

    unheeded: bool = False


async def _ended(steps: Steps, attempt: Attempt, ending: _Ending) -> Any:
    """Await an attempt, and tell it to end when the test says so."""
    task = asyncio.ensure_future(_awaited(steps))
    watch = asyncio.ensure_future(_wanted(attempt)) if attempt.is_cancelled else None
    try:
        waited: set[asyncio.Future[Any]] = {task} if watch is None else {task, watch}
        await asyncio.wait(waited, timeout=attempt.timeout, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        timed_out = watch is None or not watch.done()
        task.cancel()
        await asyncio.wait({task}, timeout=GRACE)
        if not task.done():
            raise StuckError(GRACE, "an `await`, and takes no notice of being told to end")
        ending.unheeded = not task.cancelled()
        if ending.unheeded or not timed_out:
            return task.result()
        seconds = attempt.timeout or 0.0
        raise StepTimeoutError(
            f"the attempt took longer than its timeout of {format_duration(seconds)}",
            {"timeout_ms": round(seconds * 1000)},
        )
    finally:
        if watch is not None:
            watch.cancel()
            await asyncio.wait({watch})


async def _left(before: set[asyncio.Task[Any]]) -> int:
    """How many tasks there are that were not there before, and do not end soon."""
    left = [task for task in asyncio.all_tasks() - before if not task.done()]
    if left:
        _, pending = await asyncio.wait(left, timeout=_AFTER)
        left = list(pending)
    return len(left)


async def _awaited(steps: Steps) -> Any:
    return await steps


async def _wanted(attempt: Attempt) -> None:
    """Comes back when the attempt is to be cancelled."""
    if attempt.cancel_after is not None:
        await asyncio.sleep(attempt.cancel_after)
    while attempt.cancel_when is not None and not attempt.cancel_when.is_set():  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(0.005)


async def _call(action: Action, params: Params, context: RecordedContext) -> Any:
    arguments: list[Any] = [params] if action.takes_params else []
    if action.takes_context:
        arguments.append(context)
    if action.kind == "async":
        return await action.run(*arguments)
    if action.kind == "inline":
        return action.run(*arguments)
    return await _in_daemon_thread(lambda: action.run(*arguments))


async def _in_daemon_thread(work: Callable[[], Any]) -> Any:
    """Call a function in a thread that a test run does not wait for at its end."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def tell(call: Callable[[Any], None], value: Any) -> None:
        if not answer.done():
            call(value)

    def work_and_tell() -> None:
        call: Callable[[Any], None] = answer.set_result
        try:
            value = work()
        except BaseException as raised:  # noqa: BLE001 - the future has it
            call, value = answer.set_exception, raised
        with contextlib.suppress(RuntimeError):  # the loop may be gone by now
            loop.call_soon_threadsafe(tell, call, value)

    threading.Thread(target=work_and_tell, name=BLOCKING, daemon=True).start()
    return await answer


def _as_json(returned: Any) -> Any:
    """What an action gave, as the engine keeps it.

    Raises:
        ExecutionError: It is no JSON.
    """
    value = returned
    if isinstance(returned, Output):
        value = returned.model_dump(by_alias=True, warnings=False)
    try:
        return read_json(write_json(value))
    except OpcodeError as error:
        raise ExecutionError(f"the action gave what is {error.message}") from None
