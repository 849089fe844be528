"""Typed references: what actions, step types and input schemas declare is checked along every path."""

from __future__ import annotations

from typing import Any

import pytest
from opcode_core.model.problems import Problem
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings
from plan_patches import apply

PLUGINS = ("steps", "cel", "jq", "expr", "crypto", "workflow", "http", "fs", "shell")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings(plugins_allow=PLUGINS))


FETCH = {"id": "fetch", "action": "http.get", "params": {"url": "https://example.com"}}
FILES = {"id": "files", "action": "fs.list", "params": {"path": "."}}
DIGEST = {"id": "digest", "action": "crypto.hash", "params": {"data": "x"}}
ROUTE = {
    "id": "route",
    "type": "condition",
    "config": {"expression": "inputs.x", "branches": {"true": [DIGEST]}},
}
BEFORE = [FETCH, FILES, ROUTE, {"id": "run", "action": "shell.exec", "params": {"command": "ls"}}]


def reader(value: Any, **members: Any) -> dict[str, Any]:
    before = [step["id"] for step in BEFORE]
    step = {"id": "use", "action": "crypto.hash", "params": {"data": value}}
    return {**step, "depends_on": before, **members}


def found(registry: Registry, *steps: dict[str, Any], **members: Any) -> list[Problem]:
    schema = members.pop("input_schema", None)
    definition = {"steps": [*BEFORE, *steps], **members}
    return diagnose(definition, registry, input_schema=schema).problems


@pytest.mark.parametrize(
    "reference",
    [
        "${{steps.fetch.output.body}}",
        "${{steps.fetch.body.anything.at[0].all}}",
        "${{steps.fetch.output.headers['content-type']}}",
        "${{steps.fetch.status}}",
        "${{steps.fetch.output.status}}",
        "${{steps.fetch.error.details.anything}}",
        "${{steps.files.entries[3].name}}",
        "${{steps.files.output.entries.0.is_dir}}",
        "${{steps.run.output.whatever.it.is}}",
        "${{steps.route.output.output.whatever}}",
        "${{steps.route.output.branch}}",
        "${{steps['route.true.digest'].output.whatever}}",
        "${{ has(steps.fetch.output.nothing) ? steps.fetch.output.nothing : 'none' }}",
        "${{ steps.files.output.entries.map(e, e.name) }}",
        "${{steps}} ${{steps.fetch}} ${{steps.fetch.output}}",
    ],
)
def test_what_is_declared_may_be_read(registry: Registry, reference: str) -> None:
    assert found(registry, reader(reference)) == []


@pytest.mark.parametrize(
    ("reference", "hint", "mended"),
    [
        ("${{steps.fetch.output.boddy}}", "did you mean `body`?", "${{steps.fetch.output.body}}"),
        ("${{steps.fetch.boddy.x}}", "did you mean `body`?", "${{steps.fetch.body.x}}"),
        ("${{steps.fetch.outputs.body}}", "did you mean `output`?", "${{steps.fetch.output.body}}"),
        (
            "${{steps.fetch.result.body}}",
            "did you mean `steps.fetch.output.body`?",
            "${{steps.fetch.output.body}}",
        ),
        (
            "${{fetch.output.body}}",
            "did you mean `steps.fetch.output.body`?",
            "${{steps.fetch.output.body}}",
        ),
        ("${{steps.route.output.hash}}", "perhaps `steps.route.output.output.hash`", None),
        (
            "${{steps.fetch.error.mesage}}",
            "did you mean `message`?",
            "${{steps.fetch.error.message}}",
        ),
        ("${{steps.fetch.status_code.x}}", None, None),
        ("${{steps.fetch.status.text}}", None, None),
        ("${{steps.files.entries.name}}", None, None),
        (
            "${{steps.files.entries[0].nmae}}",
            "did you mean `name`?",
            "${{steps.files.entries[0].name}}",
        ),
        ("${{workflow.run_id.x}}", None, None),
        ("${{steps.fetch.zzzz}}", "there are `body`", None),
        ("a ${{steps['fetch'].boddy}} b", "did you mean `body`?", "a ${{steps.fetch.body}} b"),
        (
            "${{ steps.fetch.output.boddy + 'x' }}",
            "did you mean `body`?",
            "${{ steps.fetch.output.body + 'x' }}",
        ),
        (
            "${{ fetch.output.body + 'x' }}",
            "did you mean `steps.fetch`?",
            "${{ steps.fetch.output.body + 'x' }}",
        ),
    ],
)
def test_what_is_not_there_is_refused_at_define(
    registry: Registry, reference: str, hint: str | None, mended: str | None
) -> None:
    (problem,) = found(registry, reader(reference))
    assert (problem.path, problem.severity) == ("/steps/4/params/data", "error")
    assert problem.code in ("UNKNOWN_REFERENCE", "BAD_EXPRESSION")
    assert (problem.hint or "").startswith(hint or "")
    assert (problem.hint is None) == (hint is None)
    if mended is None:
        assert problem.fix is None
    else:
        fixed = apply({"steps": [*BEFORE, reader(reference)]}, problem.fix)
        assert fixed["steps"][4]["params"]["data"] == mended
        assert diagnose(fixed, registry).problems == []


@pytest.mark.parametrize("strategy", ["ignore", "fallback_step"])
def test_a_step_whose_own_failure_is_handled_is_warned_only(
    registry: Registry, strategy: str
) -> None:
    handler = {"strategy": strategy, "fallback_step": "spare"}
    spare = {"id": "spare", "action": "crypto.uuid"}
    for value in ("${{steps.fetch.output.boddy}}", "${{ steps.fetch.output.boddy + '' }}"):
        (problem,) = found(registry, reader(value, on_error=handler), spare)
        assert (problem.severity, problem.hint) == ("warning", "did you mean `body`?")
    inside = {"id": "in", "action": "crypto.hash", "params": {"data": "${{steps.fetch.boddy}}"}}
    loop = {"mode": "for_each", "over": [1], "body": [inside]}
    step = {"id": "l", "type": "loop", "config": loop, "depends_on": ["fetch"]}
    assert [p.severity for p in found(registry, step)] == ["error"]
    assert [p.severity for p in found(registry, {**step, "on_error": handler}, spare)] == [
        "warning"
    ]


@pytest.mark.parametrize("strategy", ["ignore", "fallback_step"])
def test_nothing_is_known_of_the_output_of_a_step_that_another_shape_may_stand_for(
    registry: Registry, strategy: str
) -> None:
    handler = {"strategy": strategy, "fallback_step": "spare"}
    step = {**FETCH, "id": "f", "on_error": handler}
    spare = {"id": "spare", "action": "crypto.uuid"}
    use = reader("${{steps.f.output.uuid}} ${{steps.f.output.ignored}}", depends_on=["f"])
    assert found(registry, step, spare, use) == []


@pytest.mark.parametrize("strategy", ["retry", "fail_workflow"])
def test_other_handlers_change_nothing_about_the_output(registry: Registry, strategy: str) -> None:
    step = {**FETCH, "id": "f", "on_error": {"strategy": strategy}}
    use = reader("${{steps.f.output.boddy}}", depends_on=["f"])
    assert [p.severity for p in found(registry, step, use)] == ["error"]


def test_the_order_in_the_list_does_not_matter(registry: Registry) -> None:
    use = reader("${{steps.late.output.hahs}}", depends_on=["late"])
    (problem,) = found(registry, use, {**DIGEST, "id": "late"})
    assert (problem.path, problem.hint) == ("/steps/4/params/data", "did you mean `hash`?")


@pytest.mark.parametrize(
    ("condition", "severities"),
    [
        ("steps.fetch.output.statuscode == 200", ["error"]),
        ("!(size(steps.fetch.output.boddy) > 3)", ["error"]),
        ("steps.fetch.status == 'completed' && steps.fetch.statuscode == 200", ["warning"]),
        ("inputs.x ? steps.fetch.statuscode == 200 : true", []),
        ("has(steps.fetch.output.boddy)", []),
        ("has(steps.fetch.output.boddy) && steps.fetch.output.boddy == 1", []),
        ("inputs.list.all(x, x == steps.fetch.output.boddy)", ["warning"]),
        ({"jq": ".steps.fetch.output.boddy == 1"}, []),
        ({"expr": "steps.fetch.output.boddy == 1"}, []),
    ],
)
def test_expressions_are_checked_as_far_as_they_are_certain_to_read(
    registry: Registry, condition: Any, severities: list[str]
) -> None:
    problems = found(registry, reader("x", condition=condition))
    assert [p.severity for p in problems] == severities


def test_nested_steps_hooks_and_the_output_are_checked_too(registry: Registry) -> None:
    body = [
        {**DIGEST, "id": "one"},
        {"id": "two", "action": "crypto.hash", "params": {"data": "${{steps.one.output.hahs}}"}},
    ]
    loop = {"id": "l", "type": "loop", "config": {"mode": "for_each", "over": [1], "body": body}}
    hook = {"action": "workflow.log", "params": {"message": "${{steps.fetch.output.boddy}}"}}
    problems = found(
        registry, loop, on_complete=hook, output={"n": ["${{steps.l.output.iteratoins}}"]}
    )
    assert [(p.path, p.hint) for p in problems] == [
        ("/steps/4/config/body/1/params/data", "did you mean `hash`?"),
        ("/on_complete/params/message", "did you mean `body`?"),
        ("/output/n/0", "did you mean `iterations`?"),
    ]


SCHEMA = {
    "type": "object",
    "properties": {
        "user": {"$ref": "#/$defs/user"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "list": {"type": ["array", "null"]},
        "open": {"type": "object"},
    },
    "$defs": {
        "user": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "boss": {"$ref": "#/$defs/user"}},
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("${{inputs.user.boss.boss.nmae}}", "did you mean `name`?"),
        ("${{inputs.tags.first}}", None),
        ("${{inputs.either.x}}", None),
        ("${{ inputs.user.nmae + '' }}", "did you mean `name`?"),
    ],
)
def test_inputs_are_checked_against_their_schema_at_any_depth(
    registry: Registry, reference: str, hint: str | None
) -> None:
    (problem,) = found(registry, reader(reference), input_schema=SCHEMA)
    assert (problem.code, problem.hint) == ("UNKNOWN_REFERENCE", hint)
    good = reader("${{inputs.user.boss.name}} ${{inputs.tags[0]}} ${{inputs.open.x}} ${{inputs.y}}")
    assert found(registry, good, input_schema=SCHEMA) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"user": {"$ref": "#/properties/user"}}},
        {"properties": {"user": {"allOf": [{"properties": {"x": {}}}]}}},
        {"properties": {"user": {"patternProperties": {"^n": {}}, "additionalProperties": False}}},
        {"properties": {"user": {"if": {"type": "object"}, "additionalProperties": False}}},
        {"properties": {"user": {"anyOf": [{"type": "string"}, {"type": "object"}]}}},
        {"properties": {"user": {"oneOf": [{"type": "string"}, True]}}},
        {"properties": {"user": True}},
        {"$ref": "#/$defs/x", "$defs": {"x": True}},
        True,
    ],
)  # fmt: skip
def test_where_a_schema_says_nothing_certain_anything_may_be_read(
    registry: Registry, schema: Any
) -> None:
    assert found(registry, reader("${{inputs.user.name}}"), input_schema=schema) == []


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("${{steps.files.output.entries}}", "expected a string, but `steps.files.output.entries` is an array"),
        ("${{steps.files}}", "expected a string, but `steps.files` is an object"),
        ("${{steps.fetch.headers}}", "is an object"),
        ("${{inputs.list}}", "is an array or null"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_a_text_is_refused_where_a_text_is_wanted(
    registry: Registry, reference: str, says: str
) -> None:
    step = reader("x", action="workflow.log", params={"message": reference})
    (problem,) = found(registry, step, input_schema=SCHEMA)
    assert (problem.path, problem.code) == ("/steps/4/params/message", "WRONG_TYPE")
    assert says in problem.message
    assert problem.hint is not None
    handled = {**step, "on_error": {"strategy": "ignore"}}
    assert [p.severity for p in found(registry, handled, input_schema=SCHEMA)] == ["warning"]


@pytest.mark.parametrize(
    "reference",
    [
        "${{steps.fetch.output.status_code}}",
        "${{steps.files.truncated}}",
        "${{steps.fetch.duration_ms}}",
        "${{steps.fetch.body}}",
        "${{inputs.either}}",
        "${{inputs.open.x}}",
        "${{ [1, 2] }}",
        "as text: ${{steps.files.output.entries}}",
    ],
)
def test_what_is_or_becomes_a_text_is_taken_where_a_text_is_wanted(
    registry: Registry, reference: str
) -> None:
    step = reader("x", action="workflow.log", params={"message": reference})
    assert found(registry, step, input_schema=SCHEMA) == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"path": ".", "recursive": "${{steps.files.path}}"}, "WRONG_TYPE"),
        ({"path": ".", "recursive": "${{steps.files.truncated}}"}, None),
        ({"path": ["${{steps.files.path}}"]}, "WRONG_TYPE"),
    ],
)
def test_other_types_are_checked_alike(
    registry: Registry, params: dict[str, Any], code: str | None
) -> None:
    problems = found(registry, reader("x", action="fs.list", params=params))
    assert [p.code for p in problems] == ([] if code is None else [code])


def test_a_value_deep_in_a_parameter_is_checked(registry: Registry) -> None:
    params = {"url": "https://example.com", "headers": {"x": "${{steps.files.entries}}"}}
    (problem,) = found(registry, reader("x", action="http.get", params=params))
    assert (problem.path, problem.code) == ("/steps/4/params/headers/x", "WRONG_TYPE")


@pytest.mark.parametrize(
    ("condition", "mended"),
    [
        ("steps.a-b.status == 'completed'", "steps['a-b'].status == 'completed'"),
        ("steps.a-b-2.status == 'x'", "steps['a-b-2'].status == 'x'"),
        ("${{ steps.a-b.output.uuid == 'x' }}", "${{ steps['a-b'].output.uuid == 'x' }}"),
    ],
)
def test_an_id_with_a_dash_in_an_expression_is_told_how_it_is_written(
    registry: Registry, condition: str, mended: str
) -> None:
    before = [{"id": one, "action": "crypto.uuid"} for one in ("a-b", "a-b-2", "a")]
    use = reader("x", condition=condition, depends_on=["a-b", "a-b-2", "a"])
    definition = {"steps": [*before, use]}
    (problem,) = diagnose(definition, registry).problems
    assert problem.code == "BAD_EXPRESSION"
    assert "subtracts" in (problem.hint or "")
    fixed = apply(definition, problem.fix)
    assert fixed["steps"][3]["condition"] == mended
    assert diagnose(fixed, registry).problems == []
