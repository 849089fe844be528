"""How an action ends: soon when it is quick, and when it is told to."""

from __future__ import annotations

import threading
import time
from typing import Any

from opcode_core.testing.attempts import GRACE
from opcode_core.testing.contract.subject import BreachError, Subject, Trial
from opcode_core.testing.playing import BLOCKING
from opcode_core.testing.stage import StuckError

QUICK = 0.05
"""How many seconds an action may keep the event loop busy at a time."""
_TRIES = 5
_TIMEOUT = 0.05
_AWHILE = 0.03


def promptness(subject: Subject) -> None:
    """It does not keep the event loop busy."""
    for trial in subject.trials(endless=subject.action.kind == "async"):
        how: dict[str, Any] = {"timeout": _TIMEOUT} if trial.example.endless else {}
        busy: list[float] = []
        while len(busy) < _TRIES and (not busy or min(busy) > QUICK):
            try:
                busy.append(trial.run(**how).busy)
            except StuckError as error:
                raise BreachError(
                    f"{error}: while it does, every workflow of the server waits. {_instead(subject)}"
                ) from None
        if min(busy) > QUICK:
            raise BreachError(
                f"it kept the event loop busy for {min(busy) * 1000:.0f} ms (at best of {_TRIES} times): at most "
                f"{QUICK * 1000:.0f}. {_instead(subject)}"
            )


def timeout(subject: Subject) -> None:
    """When its step's time is up, it ends."""
    for trial in subject.trials(endless=True):
        try:
            outcome = trial.run(timeout=_TIMEOUT)
        except StuckError as error:
            raise BreachError(
                f"when its time was up, {error}. Let `asyncio.CancelledError` through"
            ) from None
        if outcome.unheeded:
            raise BreachError(f"when its time was up, it went on to an end of its own: {_ADVICE}")
        if trial.example.endless and (
            outcome.error is None or outcome.error.code != "TIMEOUT_ERROR"
        ):
            raise BreachError(
                f"the example {trial.shown} says that it is endless, and it ended by itself: give one that runs on"
            )
        _no_thread_left()


def cancellation(subject: Subject) -> None:
    """When it is cancelled, it ends and leaves nothing running."""
    for trial in subject.trials(endless=True):
        for after in (0.0, _AWHILE) if trial.example.endless else (0.0,):
            _cancel(trial, after)


def _cancel(trial: Trial, after: float) -> None:
    try:
        outcome = trial.run(cancel_after=after)
    except StuckError as error:
        raise BreachError(
            f"when it was cancelled, {error}. Let `asyncio.CancelledError` through"
        ) from None
    if outcome.unheeded:
        raise BreachError(f"when it was cancelled, it went on to an end of its own: {_ADVICE}")
    if outcome.left_tasks:
        raise BreachError(
            f"it left {outcome.left_tasks} running task(s) behind: await or cancel what it starts, as an "
            "`asyncio.TaskGroup` does"
        )


def _no_thread_left() -> None:
    """Wait for threads of blocking actions, which nobody can end."""
    until = time.monotonic() + GRACE
    for thread in threading.enumerate():
        if thread.name == BLOCKING:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                raise BreachError(
                    f"its thread goes on {GRACE:g} s after the step has ended, and holds a place in the pool: bound "
                    "every wait, or write it `async def`"
                )


def _instead(subject: Subject) -> str:
    if subject.action.kind == "inline":
        return "Give it `blocking=True`, and it runs in a thread"
    return "Await what takes long, or put it into a thread with `asyncio.to_thread`"


_ADVICE = "do not swallow `asyncio.CancelledError`; what has to be put right stands in `finally`"
