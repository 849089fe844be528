"""`action`: runs one action with parameters; what the action gives is what the step gives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from opcode_core import BoundAction, Effect, Output, StepContext, StepSource, StepType


class ActionStep(StepType):
    """Runs an action.

    Args:
        source: The step: `action` names the action, `params` its parameters.
    """

    name = "action"
    fields = frozenset({"action", "params"})

    def __init__(self, source: StepSource) -> None:
        self._bound = source.action()

    @property
    def bound(self) -> BoundAction:
        """The action; a step whose action cannot be used never runs."""
        if self._bound is None:
            raise AssertionError("a step was run although its definition was refused")
        return self._bound

    @property
    def effect(self) -> Effect:
        """The action's effect, as far as the definition shows."""
        return self.bound.effect

    @property
    def holds_slot(self) -> bool:
        """A running action takes a place in the pool, except one that is over at once, or waits for others."""
        return not (self.in_place or self.bound.action.waits)

    @property
    def resumes(self) -> bool:
        """Only an action that waits for others is called again to go on; what another did, nobody knows."""
        return self.bound.action.waits

    @property
    def never_completes(self) -> bool:
        """Whether the action always fails."""
        return self.bound.action.never_returns

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        """What the action declares."""
        output = None if self._bound is None else self._bound.action.output
        return None if output is None else _schema_of(output)

    @property
    def in_place(self) -> bool:
        """Whether the action runs without waiting for anything."""
        return self.bound.in_place

    def touches(self) -> list[dict[str, Any]]:
        """What of the outside world the parameters name."""
        return self.bound.touches()

    def execute_now(self, step: StepContext) -> Any:
        """Run the action in place."""
        return step.run_action_now(self.bound)

    async def execute(self, step: StepContext) -> Any:
        """Run the action."""
        return await step.run_action(self.bound)


@lru_cache(maxsize=1024)
def _schema_of(output: type[Output]) -> Mapping[str, Any]:
    return output.model_json_schema(by_alias=True, mode="serialization")
