"""Actions for simulations: they take virtual time, fail when they are told to, and keep a record of what they did."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from opcode_core import (
    ActionContext,
    Effect,
    ExecutionError,
    NonRetryableError,
    Params,
    action,
)
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution, Registry
from opcode_core.settings import Settings


class Work(Params):
    """What a simulated action does."""

    value: Any = None
    seconds: float = 0.0
    failures: int = 0
    final: bool = False
    effect: str = "pure"


class Outside:
    """The world that simulated actions change.

    Attributes:
        calls: (workflow, step) → how often an action was begun there, by its effect.
        running: Workflow → how many actions of it run now.
        gone: The process has ended: nothing has an effect any more.
        allowed: Asked before every call whether an action may run there now.
    """

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything."""
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.running: Counter[str] = Counter()
        self.gone = False
        self.allowed: Callable[[str, str], None] = lambda workflow_id, step_id: None

    def call(self, context: ActionContext, effect: str) -> None:
        """An action begins."""
        if not self.gone:
            self.calls[context.workflow_id, context.step_id, effect] += 1
            self.allowed(context.workflow_id, context.step_id)


def _outcome(params: Work, attempt: int) -> Any:
    if attempt <= params.failures:
        raise NonRetryableError("no") if params.final else ExecutionError("not yet")
    return params.value


def simulated(outside: Outside) -> Registry:
    """The registry of a simulation."""

    @action("sim.now", effect=Effect.PURE)
    def now(params: Work, context: ActionContext) -> Any:
        """Do it in place."""
        outside.call(context, "pure")
        return _outcome(params, context.attempt)

    @action("sim.work", effect=lambda params: Effect(params.effect))
    async def work(params: Work, context: ActionContext) -> Any:
        """Take time."""
        outside.call(context, params.effect)
        outside.running[context.workflow_id] += 1
        try:
            if params.seconds >= 0:
                await asyncio.sleep(params.seconds)
            return _outcome(params, context.attempt)
        finally:
            outside.running[context.workflow_id] -= 1

    registry = load_plugins(Settings(plugins_allow=("steps", "cel", "workflow")))
    registry.take(Contribution("sim", [now, work]))
    return registry
