"""`condition`: evaluates an expression and runs the branch its value names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from opcode_core import (
    CONDITION_EVALUATED,
    ExecutionError,
    Expression,
    Field,
    NestedSteps,
    OpcodeError,
    Problem,
    StepContext,
    StepSource,
    StepType,
    number_text,
    pointer,
    type_name,
)

T = TypeVar("T")
_FIELDS = {
    "expression": Field("any", required=True),
    "branches": Field("object", required=True),
    "default": Field("array"),
}


class ConditionStep(StepType):
    """Runs one of several lists of steps.

    Args:
        source: The step: `config` has `expression`, `branches` (value → steps) and perhaps `default`.
    """

    name = "condition"
    config_fields = _FIELDS

    def __init__(self, source: StepSource) -> None:
        config = source.members(_FIELDS, "config")
        self._expression: Expression | None = None
        if "expression" in config:
            self._expression = source.expression(config["expression"], "config", "expression")
        branches = config.get("branches", {})
        if "branches" in config and not branches:
            at = pointer(source.pointer, "config", "branches")
            source.report(Problem(at, "INVALID_VALUE", "there is no branch: at least one"))
        self._branches: dict[str, NestedSteps | None] = {}
        for key, steps in branches.items():
            if "${{" in key:
                at = pointer(source.pointer, "config", "branches", key)
                message = "a reference cannot stand in the key of a branch"
                source.report(Problem(at, "BAD_REFERENCE", message))
            self._branches[key] = source.steps(steps, "config", "branches", key)
        self._default: NestedSteps | None = None
        if "default" in config:
            self._default = source.steps(config["default"], "config", "default")

        if self._expression is not None:
            self._check_reach(self._expression, source)

    def _check_reach(self, expression: Expression, source: StepSource) -> None:
        """Warn of branches that are never taken because the expression reads nothing: it always gives the same."""
        if expression.reads or "(" in expression.source:
            return  # a function may give something else each time
        try:
            key = key_of(expression.evaluate({}))
        except OpcodeError:
            return  # it fails when it runs, as it says then
        never: list[tuple[str, ...]] = [
            ("branches", name) for name in self._branches if name != key
        ]
        if self._default is not None and key in self._branches:
            never.append(("default",))
        for path in never:
            at = pointer(source.pointer, "config", *path)
            message = f"this branch is never taken: the expression always gives `{key[:100]}`"
            source.report(Problem(at, "INVALID_VALUE", message, severity="warning"))

    @property
    def output_schema(self) -> Mapping[str, Any]:
        """The branch that was taken, and what its last step gave."""
        return {
            "type": "object",
            "properties": {
                "branch": {"type": "string"},
                "output": {},
                "skipped": {"const": True},
            },
            "additionalProperties": False,
        }

    @property
    def nested(self) -> Sequence[NestedSteps]:
        """The branches, and what is run when none is meant."""
        lists = [*self._branches.values(), self._default]
        return [steps for steps in lists if steps is not None]

    async def execute(self, step: StepContext) -> Any:
        """Evaluate, once, and run the branch."""

        async def choose() -> dict[str, Any]:
            key = key_of(await step.evaluate(_usable(self._expression)))
            taken = key if key in self._branches else None if self._default is None else "default"
            return {"key": key, "branch": taken}

        chosen = await step.once("branch", choose, CONDITION_EVALUATED)
        if chosen["branch"] is None:
            return {"branch": chosen["key"], "skipped": True}
        steps = self._branches.get(chosen["key"], self._default)
        output = await step.run_nested(_usable(steps), chosen["branch"])
        return {"branch": chosen["branch"], "output": output}


def key_of(value: Any) -> str:
    """The key of the branch that a value names.

    Raises:
        ExecutionError: An object or an array names none.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    raise ExecutionError(
        f"the expression gave {type_name(value)}: a branch is named by a text, a number, true, false or null"
    )


def _usable(part: T | None) -> T:
    if part is None:
        raise AssertionError("a step was run although its definition was refused")
    return part
