"""`parallel`: runs several lists of steps at once, and waits for all of them or for the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from opcode_core import (
    PARALLEL_COMPLETED,
    PARALLEL_STARTED,
    Field,
    NestedSteps,
    Problem,
    StepContext,
    StepSource,
    StepType,
    pointer,
)

_FIELDS = {
    "branches": Field("array", required=True),
    "mode": Field("string", choices=("all", "race")),
}


class ParallelStep(StepType):
    """Runs branches side by side.

    Args:
        source: The step: `config` has `branches` (lists of steps) and perhaps `mode`.
    """

    name = "parallel"
    config_fields = _FIELDS

    def __init__(self, source: StepSource) -> None:
        config = source.members(_FIELDS, "config")
        self._mode = config.get("mode", "all")
        branches = config.get("branches", [])
        if "branches" in config and not branches:
            at = pointer(source.pointer, "config", "branches")
            source.report(Problem(at, "INVALID_VALUE", "there is no branch: at least one"))
        compiled = [
            source.steps(steps, "config", "branches", index) for index, steps in enumerate(branches)
        ]
        self._branches: list[NestedSteps] = [steps for steps in compiled if steps is not None]

    @property
    def output_schema(self) -> Mapping[str, Any]:
        """What the last step of each branch gave, or of the one that won."""
        properties: dict[str, Any] = {"mode": {"type": "string"}, "branches": {"type": "array"}}
        if self._mode == "race":
            properties = {
                "mode": {"type": "string"},
                "winner": {"type": "integer"},
                "output": {},
            }
        return {"type": "object", "properties": properties, "additionalProperties": False}

    @property
    def nested(self) -> Sequence[NestedSteps]:
        """The branches."""
        return self._branches

    async def execute(self, step: StepContext) -> Any:
        """Run the branches."""
        step.mark(PARALLEL_STARTED, "started", mode=self._mode, branches=len(self._branches))
        works = [
            partial(step.run_nested, branch, f"branch_{index}")
            for index, branch in enumerate(self._branches)
        ]
        if self._mode == "race":
            winner, output = await step.race(works)
            step.mark(PARALLEL_COMPLETED, "over", winner=winner)
            return {"mode": "race", "winner": winner, "output": output}
        outputs = await step.side_by_side(works)
        step.mark(PARALLEL_COMPLETED, "over")
        return {"mode": "all", "branches": outputs}
