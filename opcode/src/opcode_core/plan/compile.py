"""The whole definition: everything wrong with it in one answer, or the plan the engine runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from opcode_core.errors import LimitExceededError, OpcodeError
from opcode_core.fields import Field
from opcode_core.jsonio import is_deeper, type_name, write_json
from opcode_core.model.definition import Plan
from opcode_core.model.problems import Problem, pointer
from opcode_core.plan.fields import check_object
from opcode_core.plan.members import step_ids
from opcode_core.plan.outputs import DeclaredOutputs
from opcode_core.plan.problems import Problems
from opcode_core.plan.references import References
from opcode_core.plan.schemas import compile_schema
from opcode_core.plan.shapes import shape_of
from opcode_core.plan.steps import StepCompiler
from opcode_core.plan.triggers import check_params, check_triggers
from opcode_core.plan.visibility import WORKFLOW_FIELDS, AllSettled, Place, declared_inputs
from opcode_core.plugins.registry import Registry
from opcode_core.references.tree import Node
from opcode_core.settings import Limits

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
    check_triggers(triggers, trigger_found)
    problems = Problems()
    too_large = _too_large(definition, registry.limits)
    if too_large is not None:
        problems.report(too_large)
        plan = None
    else:
        usable_schema = None if inputs_found.refused else input_schema
        plan = _compile(definition, registry, problems, usable_schema)
    if not problems.refused and check_inputs is not None and not trigger_found.refused:
        defaults = definition.get("inputs", {})
        check_params(triggers, defaults, input_schema, check_inputs, trigger_found)
    found = [*problems.all(), *inputs_found.all(), *outputs_found.all(), *trigger_found.all()]
    if plan is None or any(problem.severity == "error" for problem in found):
        return Diagnosis(found, None)
    schemas = {
        "schema_defaults": input_schema,
        "check_inputs": check_inputs,
        "check_output": check_output,
    }
    return Diagnosis(found, Plan(**plan, **schemas))


def _too_large(definition: Any, limits: Limits) -> Problem | None:
    """The problem of a definition that is too large or too deep to look at; None when it is not."""
    if is_deeper(definition, limits.json_depth):
        message = f"the definition is nested deeper than {limits.json_depth} levels"
        return Problem("", "LIMIT_EXCEEDED", message)
    try:
        size = len(write_json(definition))
    except (OpcodeError, LimitExceededError) as error:
        return Problem("", "INVALID_VALUE", error.message)
    if size > limits.definition_bytes:
        message = f"the definition is {size} bytes: at most {limits.definition_bytes}"
        return Problem("", "LIMIT_EXCEEDED", message)
    return None


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
    references = References(registry, problems)
    known_inputs = declared_inputs(input_schema, good.get("inputs", {}))
    raw_steps = good.get("steps", [])
    if "steps" in good and not raw_steps:
        problems.add("/steps", "INVALID_VALUE", "a definition needs at least one step")
    ids = step_ids(raw_steps)
    outputs = DeclaredOutputs()
    everywhere = Place(
        AllSettled(ids, outputs),
        inputs=known_inputs,
        outer_ids=(ids,),
        input_shape=shape_of(input_schema),
    )
    compiler = StepCompiler(registry, references, problems, good.get("timeout"))
    steps = compiler.compile(raw_steps, "/steps", everywhere, outputs)
    hooks: dict[str, Any] = {
        name: compiler.hook(
            good[name], name, replace(everywhere, workflow=(*WORKFLOW_FIELDS, "error"))
        )
        for name in ("on_complete", "on_error")
        if name in good
    }
    name = good.get("metadata", {}).get("name")
    return {
        "steps": steps,
        "inputs": _inputs(good.get("inputs", {}), references),
        "context": good.get("context", {}),
        "name": name if isinstance(name, str) else None,
        "output": references.compile(good["output"], "/output", everywhere)
        if "output" in good
        else None,
        **{
            member: good[member]
            for member in ("timeout", "on_timeout", "schedule")
            if member in good
        },
        **hooks,
    }


def _inputs(inputs: Mapping[str, Any], references: References) -> dict[str, Node]:
    place = Place(
        AllSettled(frozenset()), namespaces=("workflow", "context", "secrets"), secrets=True
    )
    return {
        name: references.compile(value, pointer("/inputs", name), place)
        for name, value in inputs.items()
    }
