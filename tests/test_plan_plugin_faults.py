"""A fault in a plugin's own code while a definition is checked is told like any problem, and hides no other."""

from __future__ import annotations

from typing import Any

import pytest
from opcode_core import (
    ActionSource,
    Effect,
    ExpressionLimits,
    Params,
    Problem,
    StepContext,
    StepSource,
    StepType,
    action,
)
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.registry import Contribution, Registry
from opcode_steps.action import ActionStep
from pydantic import field_validator


class FragileParams(Params):
    """Parameters whose author thought of texts only."""

    name: str

    @field_validator("name", mode="before")
    @classmethod
    def tidy(cls, value: Any) -> Any:
        """Take the space around a name away."""
        return value.strip()


@action("test.fragile", effect=Effect.PURE)
def fragile(params: FragileParams) -> Any:
    """Take a name."""
    return params.name


def fails(source: ActionSource) -> list[Problem]:
    """A further check with a fault."""
    raise RuntimeError(f"cannot look at {source.pointer}")


@action("test.faulty", effect=Effect.PURE, check=fails)
def faulty(params: FragileParams) -> Any:
    """Take a name."""
    return params.name


class FaultyStep(StepType):
    """A step type that expects a member nobody asked for."""

    name = "faulty"

    def __init__(self, source: StepSource) -> None:
        self.size = source.raw["config"]["size"]

    async def execute(self, step: StepContext) -> Any:
        """Give the size."""
        return self.size


def no_engine(limits: ExpressionLimits) -> Any:
    raise ImportError("a library of the engine is missing")


class FaultyEngine:
    """An engine that raises what it may not."""

    name = "faulty"

    def __init__(self, limits: ExpressionLimits) -> None:
        pass

    def compile(self, source: str, *, extra: Any = None) -> Any:
        """Compile nothing."""
        raise IndexError(source)


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    engines: list[Any] = [("missing", no_engine), ("faulty", FaultyEngine)]
    made.take(Contribution("test", [fragile, faulty], [ActionStep, FaultyStep], engines))
    return made


@pytest.mark.parametrize(
    "step",
    [
        {"action": "test.fragile", "params": {"name": "${{inputs.x}}"}},
        {"action": "test.fragile", "params": {"name": 5}},
        {"action": "test.faulty", "params": {"name": "x"}},
        {"type": "faulty", "config": {}},
        {"action": "test.fragile", "params": {"name": "x"}, "condition": {"missing": "x"}},
        {"action": "test.fragile", "params": {"name": "x"}, "condition": {"faulty": "x"}},
    ],
    ids=["reference", "type", "check", "step type", "engine", "compiler"],
)
def test_a_plugins_fault_does_not_end_the_diagnosis(
    registry: Registry, step: dict[str, Any]
) -> None:
    definition = {"steps": [{"id": "a", **step}], "nonsense": 1}
    problems = diagnose(definition, registry).problems
    assert "/nonsense" in [problem.path for problem in problems]
