"""What each place of a definition may refer to, and what is certain to be settled there."""

from __future__ import annotations

from typing import Any

import pytest
from opcode_core.model.problems import Problem
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings(plugins_allow=("steps", "cel", "crypto", "workflow")))


def found(registry: Registry, *steps: dict[str, Any], **members: Any) -> list[Problem]:
    schema = members.pop("input_schema", None)
    return diagnose({"steps": list(steps), **members}, registry, input_schema=schema).problems


def reading(reference: Any, step_id: str = "b", **members: Any) -> dict[str, Any]:
    """A step that hashes a value with a reference in it."""
    return {"id": step_id, "action": "crypto.hash", "params": {"data": reference}, **members}


A = {"id": "a", "action": "crypto.uuid"}


@pytest.mark.parametrize(
    "reference",
    [
        "${{steps.a.output.uuid}}",
        "${{steps.a.status}}-${{steps['a'].error.message}}",
        "${{steps['a.branch.inner'].output}}",
        "${{steps}}",
        "${{inputs.anything.at[0].all}}",
        "${{workflow.run_id}} ${{workflow.agent_id}} ${{workflow.started_at}}",
        "${{context.x}}",
        "$${{nothing.at.all}}",
        "${{ steps.a.output.uuid + 'x' }}",
        "${{ has(inputs.n) ? inputs.n + 1 : 0 }}",
        {"deep": [{"er": "${{inputs.x}}"}]},
    ],
)
def test_what_may_be_read(registry: Registry, reference: Any) -> None:
    assert found(registry, A, reading(reference, depends_on=["a"])) == []


@pytest.mark.parametrize(
    ("reference", "code", "hint"),
    [
        ("${{stpes.a.output}}", "UNKNOWN_REFERENCE", "did you mean `steps`?"),
        ("${{nothing.x}}", "UNKNOWN_REFERENCE", "there are `context`, `inputs`"),
        ("${{workflow.runid}}", "UNKNOWN_REFERENCE", "did you mean `run_id`?"),
        ("${{workflow.error.code}}", "UNKNOWN_REFERENCE", None),
        ("${{steps.fetchh.output}}", "UNKNOWN_REFERENCE", "did you mean `steps.fetch`?"),
        ("${{steps.nowhere.output}}", "UNKNOWN_REFERENCE", None),
        ("${{steps[0].output}}", "UNKNOWN_REFERENCE", None),
        ("${{steps['nowhere.b.c'].output}}", "UNKNOWN_REFERENCE", None),
        ("${{loop.item}}", "UNKNOWN_REFERENCE", None),
        ("${{iter.index}}", "UNKNOWN_REFERENCE", None),
        ("${{ loop.index + 1 }}", "UNKNOWN_REFERENCE", None),
        ("${{inputs.a", "BAD_REFERENCE", None),
        ("${{}}", "BAD_REFERENCE", None),
        ("x ${{ '}} }", "BAD_REFERENCE", None),
        ("${{ inputs.a + }}", "BAD_EXPRESSION", None),
        ("${{ 1 ? 2 }}", "BAD_EXPRESSION", None),
        ("${{ nosuch + 1 }}", "BAD_EXPRESSION", None),
        ("${{ steps.fetchh.output + 1 }}", "UNKNOWN_REFERENCE", "did you mean `steps.fetch`?"),
        ("${{ secrets.KEY + 'x' }}", "BAD_EXPRESSION", None),
    ],
)
def test_what_cannot_be_read(
    registry: Registry, reference: str, code: str, hint: str | None
) -> None:
    fetch = {"id": "fetch", "action": "crypto.uuid"}
    for value, path in ((reference, "data"), ({"k/~": [0, reference]}, "data/k~1~0/1")):
        problems = found(registry, fetch, reading(value, depends_on=["fetch"]))
        assert [(p.path, p.code) for p in problems] == [(f"/steps/1/params/{path}", code)]
        if hint is not None:
            assert hint in (problems[0].hint or "")


def test_every_reference_of_a_text_is_checked(registry: Registry) -> None:
    problems = found(registry, reading("${{steps.x.output}} ${{nothing.y}} ${{loop.item}}"))
    assert [p.code for p in problems] == ["UNKNOWN_REFERENCE"] * 3


@pytest.mark.parametrize("name", ["${{inputs.key}}", "a ${{x}}", "${{"])
def test_references_have_no_place_in_keys(registry: Registry, name: str) -> None:
    problems = found(registry, reading({name: 1}))
    assert [(p.path, p.code) for p in problems] == [
        (f"/steps/0/params/data/{name}", "BAD_REFERENCE")
    ]


@pytest.mark.parametrize(
    "member", [{"id": "${{inputs.x}}"}, {"type": "${{inputs.x}}"}, {"action": "${{inputs.x}}"}]
)
def test_references_have_no_place_in_ids_types_and_actions(
    registry: Registry, member: dict[str, Any]
) -> None:
    assert len(found(registry, {**A, **member})) == 1


def test_a_step_that_is_not_certain_to_be_settled_is_refused_with_a_fix(registry: Registry) -> None:
    (problem,) = found(registry, A, reading("${{steps.a.output}}"))
    assert (problem.path, problem.code) == ("/steps/1/params/data", "NOT_SETTLED")
    assert problem.hint == "add `a` to `depends_on`"
    assert problem.fix == ({"op": "add", "path": "/steps/1/depends_on", "value": ["a"]},)
    other = {"id": "c", "action": "crypto.uuid"}
    (problem,) = found(registry, A, other, reading("${{steps.a.output}}", depends_on=["c"]))
    assert problem.fix == ({"op": "add", "path": "/steps/2/depends_on/-", "value": "a"},)


def test_an_ancestor_however_far_is_settled_and_a_sibling_is_not(registry: Registry) -> None:
    middle = {"id": "m", "action": "crypto.uuid", "depends_on": ["a"]}
    assert found(registry, A, middle, reading("${{steps.a.output}}", depends_on=["m"])) == []
    sibling = reading("${{steps.m.output}}", depends_on=["a"])
    assert [p.code for p in found(registry, A, middle, sibling)] == ["NOT_SETTLED"]


def test_a_step_cannot_read_itself_nor_what_comes_after_it(registry: Registry) -> None:
    (problem,) = found(registry, reading("${{steps.b.output}}"))
    assert (problem.code, problem.fix) == ("NOT_SETTLED", None)
    assert "itself" in problem.message
    later = {"id": "z", "action": "crypto.uuid", "depends_on": ["b"]}
    (problem,) = found(registry, reading("${{steps.z.output}}"), later)
    assert (problem.code, problem.fix) == ("NOT_SETTLED", None)
    assert "runs after this one" in problem.message


def test_expressions_are_checked_like_references(registry: Registry) -> None:
    guard = {**A, "id": "g", "condition": "steps.a.output.uuid != ''"}
    (problem,) = found(registry, A, guard)
    assert (problem.path, problem.code) == ("/steps/1/condition", "NOT_SETTLED")
    assert found(registry, A, {**guard, "depends_on": ["a"]}) == []
    wrapped = {**guard, "condition": {"cel": "${{ steps.a.output.uuid != '' }}"}}
    assert [p.path for p in found(registry, A, wrapped)] == ["/steps/1/condition/cel"]


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("inputs.n >", "BAD_EXPRESSION"),
        ("${{inputs.n}} > 1", "BAD_EXPRESSION"),
        ("${{inputs.n > 1", "BAD_REFERENCE"),
        ("nosuch > 1", "BAD_EXPRESSION"),
        ("steps.nowhere.output == 1", "UNKNOWN_REFERENCE"),
        ("iter.index > 1", "UNKNOWN_REFERENCE"),
        ("workflow.nmae == ''", "UNKNOWN_REFERENCE"),
        ("x" * 4097, "BAD_EXPRESSION"),
        ("(" * 51 + "true" + ")" * 51, "BAD_EXPRESSION"),
    ],
)
def test_guards_that_cannot_be(registry: Registry, condition: str, code: str) -> None:
    problems = found(registry, {**A, "condition": condition})
    assert [(p.path, p.code) for p in problems] == [("/steps/0/condition", code)]


@pytest.mark.parametrize("condition", ["${{ inputs.n > 1 }}", " ${{inputs.flag}} ", "inputs.flag"])
def test_a_guard_in_braces_means_its_inside(registry: Registry, condition: str) -> None:
    assert found(registry, {**A, "condition": condition}) == []


def test_an_unknown_engine_is_refused_with_those_that_are_there(registry: Registry) -> None:
    (problem,) = found(registry, {**A, "condition": {"cell": "true"}})
    assert problem.path == "/steps/0/condition/cell"
    assert "did you mean `cel`?" in problem.message


def test_inputs_that_a_closed_schema_does_not_have_are_refused(registry: Registry) -> None:
    schema = {"properties": {"name": {}}, "additionalProperties": False}
    step = reading("${{inputs.name}} ${{inputs.other}} ${{inputs.nmae}}")
    problems = found(registry, step, inputs={"other": 1}, input_schema=schema)
    assert [(p.code, p.hint) for p in problems] == [("UNKNOWN_REFERENCE", "did you mean `name`?")]
    opened: list[dict[str, Any]] = [
        {"properties": {"name": {}}},
        {**schema, "patternProperties": {"^n": {}}},
        {**schema, "additionalProperties": {}},
    ]
    for open_schema in opened:
        assert found(registry, step, inputs={"other": 1}, input_schema=open_schema) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("${{inputs.other}}", "UNKNOWN_REFERENCE"),
        ("${{steps.a.output}}", "UNKNOWN_REFERENCE"),
        ("${{loop.item}}", "UNKNOWN_REFERENCE"),
        ("${{", "BAD_REFERENCE"),
    ],
)
def test_inputs_refer_to_workflow_and_context_only(
    registry: Registry, value: str, code: str
) -> None:
    good = {"a": "${{workflow.run_id}}", "b": ["${{context.x}}"]}
    assert found(registry, A, inputs=good) == []
    problems = found(registry, A, inputs={"x/y": [value]})
    assert [(p.path, p.code) for p in problems] == [("/inputs/x~1y/0", code)]


def test_the_output_sees_every_step_and_no_loop(registry: Registry) -> None:
    output = {"x": ["${{steps.a.output}}", "${{ steps.b.status == 'completed' }}"]}
    assert found(registry, A, {**A, "id": "b"}, output=output) == []
    problems = found(
        registry, A, output=["${{steps.z.output}}", "${{loop.item}}", "${{secrets.S}}"]
    )
    assert [(p.path, p.code) for p in problems] == [
        ("/output/0", "UNKNOWN_REFERENCE"),
        ("/output/1", "UNKNOWN_REFERENCE"),
        ("/output/2", "SECRET_MISPLACED"),
    ]


def test_a_secret_stands_only_where_an_action_takes_one(registry: Registry) -> None:
    step = {"id": "a", "action": "crypto.hmac", "params": {"data": "x", "key": "${{secrets.KEY}}"}}
    (problem,) = found(registry, step)
    assert (problem.path, problem.severity) == ("/steps/0/params/key", "warning")
    assert "VAULT_ERROR" in problem.message
    assert diagnose({"steps": [step]}, registry).plan is not None
    swapped = {**step, "params": {"data": "${{secrets.KEY}}", "key": "x"}}
    (problem,) = found(registry, swapped)
    assert (problem.path, problem.code) == ("/steps/0/params/data", "SECRET_MISPLACED")
    assert problem.hint is not None


@pytest.mark.parametrize("reference", ["${{secrets}}", "${{secrets.A.b}}", "${{secrets.A[0]}}"])
def test_a_secret_is_read_by_its_name_alone(registry: Registry, reference: str) -> None:
    assert [p.code for p in found(registry, reading(reference))] == ["BAD_REFERENCE"]


def test_secrets_have_no_place_in_guards_logs_and_events(registry: Registry) -> None:
    guard = {**A, "condition": "secrets.KEY == 'x'"}
    assert [p.code for p in found(registry, guard)] in (["SECRET_MISPLACED"], ["BAD_EXPRESSION"])
    for action, params in (
        ("workflow.log", {"message": "${{secrets.KEY}}"}),
        ("workflow.emit", {"event_type": "x", "payload": {"k": "${{secrets.KEY}}"}}),
    ):
        step = {"id": "a", "action": action, "params": params}
        assert [p.code for p in found(registry, step)] == ["SECRET_MISPLACED"]


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ({"cel": "workflow.nmae == ''"}, "UNKNOWN_REFERENCE"),
        ({"jq": ".workflow.nmae"}, "UNKNOWN_REFERENCE"),
        ({"expr": "workflow.nmae == ''"}, "UNKNOWN_REFERENCE"),
        ({"cel": "inputs.nmae == ''"}, "UNKNOWN_REFERENCE"),
        ({"jq": ".inputs.nmae == 1"}, "UNKNOWN_REFERENCE"),
        ({"expr": "inputs.nmae == ''"}, "UNKNOWN_REFERENCE"),
        ({"jq": ".steps.fecth.output == 1"}, "UNKNOWN_REFERENCE"),
        ({"expr": "steps.fecth.output == 1"}, "UNKNOWN_REFERENCE"),
        ({"jq": ".steps.a.output.uuid == 1"}, "NOT_SETTLED"),
        ({"expr": "steps.a.output.uuid == 1"}, "NOT_SETTLED"),
        ({"jq": ".iter.index > 1"}, "UNKNOWN_REFERENCE"),
        ({"expr": "iter.index > 1"}, "UNKNOWN_REFERENCE"),
    ],
)
def test_names_are_checked_alike_in_every_language(condition: dict[str, str], code: str) -> None:
    plugins = ("steps", "cel", "jq", "expr", "crypto")
    languages = load_plugins(Settings(plugins_allow=plugins))
    schema = {"properties": {"name": {}}, "additionalProperties": False}
    steps = [A, {"id": "fetch", "action": "crypto.uuid"}, reading("x", condition=condition)]
    (problem,) = found(languages, *steps, input_schema=schema)
    (language,) = condition
    assert (problem.path, problem.code) == (f"/steps/2/condition/{language}", code)
    if "fecth" in str(condition) or "nmae" in str(condition):
        assert problem.fix is not None
