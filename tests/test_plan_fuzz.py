"""Whatever is handed in as a definition: problems or a plan, never an exception."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings
from plan_patches import check

REGISTRY: list[Registry] = []


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    REGISTRY[:] = [
        load_plugins(Settings(plugins_allow=("steps", "cel", "jq", "expr", "crypto", "workflow")))
    ]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "a",
            "b",
            "c",
            "action",
            "crypto.uuid",
            "crypto.hash",
            "1s",
            "${{steps.a.output}}",
            "${{",
            "${{ inputs.x + 1 }}",
            "ignore",
            "fallback_step",
            "linear",
            "\ud800",
        ]
    )
)
MEMBERS = st.sampled_from(
    [
        *("steps", "id", "type", "action", "params", "depends_on", "condition", "timeout", "retry"),
        *("max", "backoff", "delay", "on_error", "strategy", "fallback_step", "config", "inputs"),
        *("context", "metadata", "output", "schedule", "data", "cel", "a/b", "~", ""),
    ]
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(MEMBERS | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=25,
)
IDS = st.sampled_from(["a", "b", "c", "d"])
TEXT = st.text(alphabet="${}ab.'\" ", max_size=20) | st.sampled_from(
    ["${{steps.a.output.uuid}}", "x ${{steps.b.status}}", "${{inputs.n}}", "$${{x}}", "${{loop.i}}"]
)
STEP = st.fixed_dictionaries(
    {"id": IDS, "action": st.sampled_from(["crypto.uuid", "crypto.hash", "no.such"])},
    optional={
        "params": st.dictionaries(
            st.sampled_from(["data", "algorithm"]), TEXT | ANYTHING, max_size=2
        ),
        "depends_on": st.lists(IDS, max_size=3),
        "condition": st.sampled_from(["true", "inputs.n > 1", "steps.a.output == 1", "("]),
        "timeout": st.sampled_from(["1s", "x", 5]),
        "retry": st.fixed_dictionaries({"max": st.integers(-1, 12)}),
        "on_error": st.fixed_dictionaries(
            {"strategy": st.sampled_from(["ignore", "fallback_step", "retry"])},
            optional={"fallback_step": IDS},
        ),
        "config": ANYTHING,
    },
)
CONFIG_TEXT = st.sampled_from(
    [
        "true",
        "inputs.n > 1",
        "iter.index",
        "[1, 2]",
        ".steps.a",
        "${{steps.a.output}}",
        "1s",
        "x",
        "",
    ]
)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A step of another type around other steps."""
    body = st.lists(inner, max_size=3)
    configs = {
        "loop": st.fixed_dictionaries(
            {"mode": st.sampled_from(["for_each", "while", "until", "x"])},
            optional={
                "over": CONFIG_TEXT | ANYTHING,
                "condition": CONFIG_TEXT,
                "body": body,
                "max_iter": st.integers(-1, 3),
            },
        ),
        "condition": st.fixed_dictionaries(
            {"expression": CONFIG_TEXT | ANYTHING},
            optional={"branches": st.dictionaries(TEXT, body, max_size=2), "default": body},
        ),
        "parallel": st.fixed_dictionaries(
            {"branches": st.lists(body, max_size=2)}, optional={"mode": CONFIG_TEXT}
        ),
        "wait": st.fixed_dictionaries({}, optional={"duration": CONFIG_TEXT, "signal": TEXT}),
        "reasoning": st.fixed_dictionaries(
            {"prompt_context": TEXT},
            optional={
                "options": st.lists(st.fixed_dictionaries({"id": IDS}) | TEXT, max_size=2),
                "data_inject": CONFIG_TEXT | ANYTHING,
                "fallback": IDS,
                "timeout": CONFIG_TEXT,
            },
        ),
    }
    return st.sampled_from(sorted(configs)).flatmap(
        lambda name: st.fixed_dictionaries(
            {"id": IDS, "type": st.just(name), "config": configs[name]},
            optional={
                "depends_on": st.lists(IDS, max_size=2),
                "on_error": st.just({"strategy": "fallback_step", "fallback_step": "a"}),
            },
        )
    )


STEP = st.recursive(STEP, nested, max_leaves=4)
STRUCTURED: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"steps": st.lists(STEP, max_size=5)},
    optional={
        "inputs": st.dictionaries(IDS, TEXT, max_size=2),
        "output": TEXT | ANYTHING,
        "on_complete": STEP,
        "on_error": STEP,
        "timeout": st.sampled_from(["1h", 5]),
    },
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A definition with one value anywhere in it replaced by something else."""
    definition = draw(STRUCTURED)
    holders = [definition]
    for holder in holders:
        below = holder.values() if isinstance(holder, dict) else holder
        holders.extend(value for value in below if isinstance(value, (dict, list)) and value)
    holder = draw(st.sampled_from(holders))
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    if keys:
        holder[draw(st.sampled_from(keys))] = draw(ANYTHING)
    return definition


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(ANYTHING | STRUCTURED | mutated())
def test_no_definition_brings_the_diagnosis_down(definition: Any) -> None:
    check(diagnose(definition, REGISTRY[0]), definition)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(definition=STRUCTURED, schema=ANYTHING, output=ANYTHING, triggers=ANYTHING)
def test_no_schema_and_no_trigger_brings_it_down(
    definition: Any, schema: Any, output: Any, triggers: Any
) -> None:
    diagnosis = diagnose(
        definition, REGISTRY[0], input_schema=schema, output_schema=output, triggers=triggers
    )
    assert (diagnosis.plan is None) == bool(diagnosis.errors)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(STRUCTURED)
def test_the_same_definition_has_the_same_problems(definition: Any) -> None:
    first, second = diagnose(definition, REGISTRY[0]), diagnose(definition, REGISTRY[0])
    assert first.problems == second.problems
    if first.plan is not None and second.plan is not None:
        assert [[s.id for s in level] for level in first.plan.steps.levels] == [
            [s.id for s in level] for level in second.plan.steps.levels
        ]


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(STRUCTURED)
def test_diagnosing_changes_nothing_in_the_definition(definition: Any) -> None:
    before = repr(definition)
    diagnose(definition, REGISTRY[0])
    assert repr(definition) == before
