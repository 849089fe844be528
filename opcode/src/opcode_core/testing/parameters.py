"""Parameters as a definition has them: compiled, checked as `define` checks them, resolved as before an attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

from opcode_core.actions import Action, Params
from opcode_core.binding import BoundAction
from opcode_core.errors import ValidationError
from opcode_core.model.problems import Problem
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution, Registry
from opcode_core.references.parse import has_reference
from opcode_core.settings import Settings
from opcode_core.steps import StepSource, StepType
from opcode_core.testing.context import RecordedContext

_STEP = "step-under-test"
_NAMESPACES: Mapping[str, Any] = {"steps": {}, "inputs": {}, "workflow": {}, "context": {}}


def problems_of(action: Action, params: Mapping[str, Any]) -> list[Problem]:
    """What `define` says about parameters: those of the schema, and those of the action's own check.

    Paths are JSON Pointers into the parameters.
    """
    return _compile(action, params, {})[1]


def resolve(
    action: Action,
    params: Mapping[str, Any],
    variables: Mapping[str, Any],
    context: RecordedContext | None = None,
) -> Params:
    """Resolve and check parameters as before an attempt.

    Args:
        action: The action.
        params: Its parameters, with `${{ }}` if need be.
        variables: What references read.
        context: Told where the values came from; None for nobody.

    Raises:
        OpcodeError: They are not what the action takes, or a reference leads nowhere.
    """
    bound, problems = _compile(replace(action, check=None), params, variables)
    wrong = [one for one in problems if one.severity == "error"]
    if bound is None or wrong:
        said = "; ".join(f"{one.path or '/'}: {one.message}" for one in wrong[:5])
        issues = [one.to_json() for one in wrong]
        raise ValidationError(
            f"{action.name} cannot take these parameters: {said}", {"issues": issues}
        )
    seen = {**_NAMESPACES, **variables}
    if context is not None:
        context.resolve_with(bound.tree, seen)
    return bound.arguments(seen)


def _compile(
    action: Action, params: Mapping[str, Any], variables: Mapping[str, Any]
) -> tuple[BoundAction | None, list[Problem]]:
    """Compile parameters as those of a step that comes after the steps it may read."""
    bound: list[BoundAction | None] = []

    class Tested(_Given):
        name = "action"
        fields = frozenset({"action", "params"})

        def __init__(self, source: StepSource) -> None:
            bound.append(source.action())

    registry = _Engines()
    registry.take(Contribution("test", actions=[action], step_types=[_Given, Tested]))
    if action.check is not None or any(map(has_reference, _texts(params))):
        registry.installed = _installed()
    given = list(variables.get("steps", ()))
    steps = [{"id": one, "type": _Given.name} for one in given]
    step = {"id": _STEP, "action": action.name, "params": dict(params), "depends_on": given}
    found = diagnose({"steps": [*steps, step]}, registry).problems
    at = f"/steps/{len(given)}/params"
    own = [replace(one, path=one.path.removeprefix(at)) for one in found]
    return (bound[0] if bound else None), own


class _Given(StepType):
    """A step whose output a test has given."""

    name: ClassVar[str] = "given"
    fields: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, source: StepSource) -> None:
        """There is nothing to compile."""

    async def execute(self, step: Any) -> Any:
        """It is never run."""


class _Engines(Registry):
    """One action, and the expression engines that are installed."""

    installed: Registry | None = None

    def engine_names(self) -> list[str]:
        """The names of the engines."""
        return self.installed.engine_names() if self.installed else []

    def engine(self, name: str) -> Any:
        """An engine; None when it is not installed."""
        return self.installed.engine(name) if self.installed else None


@cache
def _installed() -> Registry:
    """What is installed: the engines that references and checks need."""
    return load_plugins(Settings())


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in _texts(one)]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []
