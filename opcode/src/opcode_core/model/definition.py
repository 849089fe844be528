"""A definition that was checked, as the engine uses it: immutable, compiled, nothing left to parse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from opcode_core.expressions import Expression
from opcode_core.references.tree import Node
from opcode_core.steps import StepType

Backoff = Literal["none", "constant", "linear", "exponential"]
Strategy = Literal["ignore", "fail_workflow", "fallback_step", "retry"]
OnInterrupt = Literal["suspend", "retry", "fail"]
OnTimeout = Literal["fail", "suspend", "cancel"]
Schedule = Literal["level", "dataflow"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a failed attempt is tried again.

    Attributes:
        max: Retries after the first attempt.
        backoff: How the pause grows.
        delay: Seconds of the first pause.
        max_delay: The longest pause in seconds; None for no cap.
        jitter: Whether a pause is spread over 0 to 100 % of its length.
    """

    max: int
    backoff: Backoff = "exponential"
    delay: float = 1.0
    max_delay: float | None = None
    jitter: bool = False


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step.

    Attributes:
        id: Its id; the ids of the steps around it come before it while it runs.
        type: The compiled step type.
        type_name: The name of its type.
        action: The name of its action, if it has one.
        depends_on: Ids of the steps that must settle before.
        guard: When it is false the step is skipped; None for always.
        timeout: Seconds an attempt may take; None for no limit.
        retry: How failed attempts are tried again; None for not at all.
        strategy: What happens when it failed for good; None for nothing, which fails the workflow.
        fallback: The id of its fallback step, in its own list or in one around it.
        on_interrupt: What happens when the process ended while it ran; None for what its effect says.
    """

    id: str
    type: StepType
    type_name: str
    action: str | None
    depends_on: tuple[str, ...]
    guard: Expression | None
    timeout: float | None
    retry: RetryPolicy | None
    strategy: Strategy | None
    fallback: str | None
    on_interrupt: OnInterrupt | None = None


@dataclass(frozen=True, slots=True)
class StepList:
    """Steps that belong together: those of the definition, or those of one branch or body.

    Attributes:
        steps: All of them, by id, in the order of the definition.
        levels: The steps that run side by side, level after level; fallback steps are in none. A nested list has one
            step in each level.
        fallbacks: Fallback step → the steps of this list that it stands in for, or that have such a step inside.
        last: The ids nobody depends on, without fallback steps.
        spares: Step → the fallback steps that stand in for it, or for one inside it.
        waits: Step → what it waits for, without fallback steps; those are no keys either.
    """

    steps: Mapping[str, PlannedStep]
    levels: tuple[tuple[PlannedStep, ...], ...]
    fallbacks: Mapping[str, tuple[str, ...]]
    last: tuple[str, ...]
    spares: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


SchemaCheck = Callable[[Any], list[dict[str, str]]]
"""Checks a value against a JSON Schema; gives `[{path, message}]`, empty when it holds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole definition.

    Attributes:
        steps: Its steps.
        inputs: The default of each input.
        context: What the context begins with.
        name: `metadata.name`, if there is one.
        output: What the workflow gives; None for what its last steps gave.
        schedule: Whether a step waits for the whole level before it, or only for what it depends on.
        timeout: Seconds the workflow may take, without the time it is suspended; None for no limit.
        on_timeout: What happens when they are over.
        on_complete: The step that runs when all others completed, as a list of one; None for none.
        on_error: The step that runs when the workflow failed, likewise.
        schema_defaults: The input schema, to apply its defaults; None without one.
        check_inputs: Checks the inputs; None without a schema.
        check_output: Checks the output; None without a schema.
    """

    steps: StepList
    inputs: Mapping[str, Node] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    output: Node | None = None
    schedule: Schedule = "level"
    timeout: float | None = None
    on_timeout: OnTimeout = "fail"
    on_complete: StepList | None = None
    on_error: StepList | None = None
    schema_defaults: Mapping[str, Any] | None = None
    check_inputs: SchemaCheck | None = None
    check_output: SchemaCheck | None = None


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """A stored version of a template.

    Attributes:
        name: The template's name.
        version: `v1`, `v2`, …
        definition: The definition as it was given.
        input_schema: JSON Schema of the inputs; None without one.
        output_schema: JSON Schema of the output; None without one.
        triggers: As they were given; None without.
        description: What it is for; None when nothing was said.
        agent_id: Who defined it.
        created_at: When, in microseconds since 1970.
    """

    name: str
    version: str
    definition: Any
    input_schema: Any
    output_schema: Any
    triggers: Any
    description: str | None
    agent_id: str
    created_at: int
