"""The whole definition: everything wrong with it in one answer, or the plan the engine runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opcode_core.errors import LimitExceededError, OpcodeError
from opcode_core.jsonio import MAX_DEPTH, type_name, write_json
from opcode_core.model.definition import Plan, StepList
from opcode_core.model.problems import Problem, pointer
from opcode_core.plan.fields import Field, check_object
from opcode_core.plan.order import Order, RawStep, SettledBefore
from opcode_core.plan.problems import Problems
from opcode_core.plan.references import References
from opcode_core.plan.schemas import compile_schema
from opcode_core.plan.steps import StepCompiler
from opcode_core.plan.visibility import AllSettled, Place, declared_inputs
from opcode_core.plugins.registry import Registry
from opcode_core.references.tree import Node

MAX_DEFINITION_BYTES = 4 << 20

_FIELDS = {
    "steps": Field("array", required=True),
    "inputs": Field("object"),
    "timeout": Field("duration"),
    "on_timeout": Field("string", choices=("fail", "suspend", "cancel")),
    "on_complete": Field("object"),
    "on_error": Field("object"),
    "metadata": Field("object"),
    "context": Field("object"),
    "output": Field("any"),
    "schedule": Field("string", choices=("level", "dataflow")),
}
_NOT_YET = {
    "timeout": (),
    "on_timeout": (),
    "on_complete": (),
    "on_error": (),
    "schedule": ("level",),
}
_NOT_YET_IN_STEP = {"on_interrupt": ()}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What there is to say about a definition.

    Attributes:
        problems: Errors and warnings.
        plan: What the engine runs; None when there is an error.
        secrets: Whether it refers to secrets.
    """

    problems: list[Problem]
    plan: Plan | None

    @property
    def errors(self) -> list[Problem]:
        """The problems that refuse it."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """The problems that do not."""
        return [problem for problem in self.problems if problem.severity == "warning"]


def diagnose(
    definition: Any,
    registry: Registry,
    *,
    input_schema: Any = None,
    output_schema: Any = None,
    triggers: Any = None,
) -> Diagnosis:
    """Check a definition and compile it.

    Args:
        definition: Any JSON.
        registry: The step types, actions and engines there are.
        input_schema: JSON Schema of the inputs; None without.
        output_schema: JSON Schema of the output; None without.
        triggers: What starts it by itself; None without.
    """
    inputs_found, outputs_found, trigger_found = (
        Problems("input_schema"),
        Problems("output_schema"),
        Problems("triggers"),
    )
    check_inputs = compile_schema(input_schema, inputs_found)
    check_output = compile_schema(output_schema, outputs_found)
    if triggers:
        trigger_found.add(
            "",
            "INVALID_VALUE",
            "this version of OPCODE starts nothing by itself: leave `triggers` out",
        )
    problems = Problems()
    too_large = _too_large(definition)
    if too_large is not None:
        problems.report(too_large)
        plan = None
    else:
        plan = _compile(definition, registry, problems, input_schema)
    found = [*problems.all(), *inputs_found.all(), *outputs_found.all(), *trigger_found.all()]
    if plan is None or any(problem.severity == "error" for problem in found):
        return Diagnosis(found, None)
    schemas = {
        "schema_defaults": input_schema,
        "check_inputs": check_inputs,
        "check_output": check_output,
    }
    return Diagnosis(found, Plan(**plan, **schemas))


def _too_large(definition: Any) -> Problem | None:
    """The problem of a definition that is too large or too deep to look at; None when it is not."""
    depth = _depth(definition)
    if depth > MAX_DEPTH:
        return Problem(
            "",
            "LIMIT_EXCEEDED",
            f"the definition is nested {depth} levels deep: at most {MAX_DEPTH}",
        )
    try:
        size = len(write_json(definition))
    except (OpcodeError, LimitExceededError) as error:
        return Problem("", "INVALID_VALUE", error.message)
    if size > MAX_DEFINITION_BYTES:
        return Problem(
            "", "LIMIT_EXCEEDED", f"the definition is {size} bytes: at most {MAX_DEFINITION_BYTES}"
        )
    return None


def _depth(value: Any) -> int:
    deepest = 0
    stack = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, (Mapping, list)):
            deepest = max(deepest, depth)
            if depth > MAX_DEPTH:
                return depth
            below = item.values() if isinstance(item, Mapping) else item
            stack.extend((member, depth + 1) for member in below)
    return deepest


def _compile(
    definition: Any, registry: Registry, problems: Problems, input_schema: Any
) -> dict[str, Any] | None:
    if not isinstance(definition, Mapping):
        problems.add(
            "",
            "WRONG_TYPE",
            f"expected a definition, which is an object, found {type_name(definition)}",
        )
        return None
    good = check_object(definition, _FIELDS, "", problems)
    _refuse_unavailable(good, "", _NOT_YET, problems)
    references = References(registry, problems)
    known_inputs = declared_inputs(input_schema, good.get("inputs", {}))
    steps = StepList({}, (), {}, ())
    raw_ids: frozenset[str] = frozenset()
    if "steps" in good:
        if not good["steps"]:
            problems.add("/steps", "INVALID_VALUE", "a definition needs at least one step")
        raw_ids = _ids(good["steps"])

        def place(step: RawStep, order: Order) -> Place:
            return Place(SettledBefore(step, raw_ids, order), inputs=known_inputs)

        def unavailable(raw: Mapping[str, Any], at: str) -> None:
            _refuse_unavailable(raw, at, _NOT_YET_IN_STEP, problems)

        steps = StepCompiler(registry, references, problems, unavailable).compile(
            good["steps"], "/steps", place
        )
    metadata = good.get("metadata", {})
    name = metadata.get("name")
    output_place = Place(AllSettled(raw_ids), inputs=known_inputs)
    return {
        "steps": steps,
        "inputs": _inputs(good.get("inputs", {}), references),
        "context": good.get("context", {}),
        "name": name if isinstance(name, str) else None,
        "output": references.compile(good["output"], "/output", output_place)
        if "output" in good
        else None,
    }


def _ids(steps: list[Any]) -> frozenset[str]:
    return frozenset(
        step["id"]
        for step in steps
        if isinstance(step, Mapping) and isinstance(step.get("id"), str)
    )


def _inputs(inputs: Mapping[str, Any], references: References) -> dict[str, Node]:
    place = Place(
        AllSettled(frozenset()), namespaces=("workflow", "context", "secrets"), secrets=True
    )
    return {
        name: references.compile(value, pointer("/inputs", name), place)
        for name, value in inputs.items()
    }


def _refuse_unavailable(
    members: Mapping[str, Any], at: str, names: Mapping[str, tuple[str, ...]], problems: Problems
) -> None:
    """Refuse what this version knows but cannot carry out, rather than to ignore it."""
    for name, carried_out in names.items():
        if name in members and members[name] not in carried_out:
            problems.add(
                pointer(at, name),
                "INVALID_VALUE",
                f"this version of OPCODE cannot carry out `{name}`: leave it out",
            )
