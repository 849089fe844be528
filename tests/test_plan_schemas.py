"""input_schema and output_schema."""

from __future__ import annotations

import math
from typing import Any

import pytest
from opcode_core.model.problems import Problem
from opcode_core.plan.compile import Diagnosis, diagnose
from opcode_core.plan.schemas import apply_defaults
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings

DEFINITION = {"steps": [{"id": "a", "action": "crypto.uuid"}]}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings(plugins_allow=("steps", "crypto")))


def found(registry: Registry, schema: Any) -> list[Problem]:
    """The problems of a schema, which are the same in both places."""
    as_input = diagnose(DEFINITION, registry, input_schema=schema)
    as_output = diagnose(DEFINITION, registry, output_schema=schema)
    assert {p.argument for p in as_input.problems} <= {"input_schema"}
    assert {p.argument for p in as_output.problems} <= {"output_schema"}
    assert [(p.path, p.code) for p in as_input.problems] == [
        (p.path, p.code) for p in as_output.problems
    ]
    assert (as_input.plan is None) == bool(as_input.errors)
    return as_input.problems


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "x"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
        {"properties": {"$ref": {"type": "string"}}},
        {"prefixItems": [{}], "unevaluatedProperties": False},
    ],
)
def test_schemas_of_draft_2020_12(registry: Registry, schema: Any) -> None:
    assert found(registry, schema) == []


@pytest.mark.parametrize(
    ("schema", "path", "code"),
    [
        ([], "", "WRONG_TYPE"),
        ("object", "", "WRONG_TYPE"),
        (5, "", "WRONG_TYPE"),
        ({"type": "text"}, "/type", "BAD_SCHEMA"),
        ({"properties": {"a/b": {"type": 1}}}, "/properties/a~1b/type", "BAD_SCHEMA"),
        ({"required": "a"}, "/required", "BAD_SCHEMA"),
        ({"minimum": "1"}, "/minimum", "BAD_SCHEMA"),
        ({"$ref": "https://example.com/x.json"}, "/$ref", "BAD_SCHEMA"),
        ({"items": {"$ref": "file:///etc/passwd"}}, "/items/$ref", "BAD_SCHEMA"),
        ({"$dynamicRef": "other.json#x"}, "/$dynamicRef", "BAD_SCHEMA"),
        ({"$ref": "#/$defs/nowhere"}, "", "BAD_SCHEMA"),
        ({"pattern": "("}, "/pattern", "BAD_SCHEMA"),
        ({"title": "\ud800"}, "", "BAD_SCHEMA"),
        ({"const": math.nan}, "", "BAD_SCHEMA"),
    ],
)
def test_schemas_that_cannot_be(registry: Registry, schema: Any, path: str, code: str) -> None:
    problems = found(registry, schema)
    assert [(p.path, p.code) for p in problems] == [(path, code)]
    assert problems[0].severity == "error"


def test_all_faults_of_a_schema_and_those_of_the_definition_come_together(
    registry: Registry,
) -> None:
    schema = {"type": "text", "properties": {"a": {"minimum": "1"}}}
    problems = diagnose({}, registry, input_schema=schema, output_schema=5).problems
    assert {(p.argument, p.path) for p in problems} == {
        (None, "/steps"),
        ("input_schema", "/type"),
        ("input_schema", "/properties/a/minimum"),
        ("output_schema", ""),
    }


def deep(depth: int) -> Any:
    schema: Any = {}
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [deep(5000), {1: 2}, {"const": object()}, {"const": {1, 2}}, {"const": b"x"}, {"a": (1, 2)}],
    ids=["deep", "key that is no text", "object", "set", "bytes", "tuple"],
)
def test_no_schema_brings_the_diagnosis_down(registry: Registry, schema: Any) -> None:
    assert isinstance(diagnose(DEFINITION, registry, input_schema=schema), Diagnosis)


def test_a_schema_whose_references_multiply_is_refused(registry: Registry) -> None:
    defs = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**defs, "d40": {}}, "unevaluatedProperties": False}
    assert [p.code for p in found(registry, schema)] == ["BAD_SCHEMA"]


def test_the_inputs_are_checked_against_it(registry: Registry) -> None:
    schema = {"properties": {"n": {"type": "integer"}}, "required": ["n"]}
    plan = diagnose(DEFINITION, registry, input_schema=schema).plan
    assert plan is not None
    assert plan.check_inputs is not None
    assert plan.check_inputs({"n": 1}) == []
    (issue,) = plan.check_inputs({"n": "s3cr3t"})
    assert issue["path"] == "/n"
    assert "s3cr3t" not in issue["message"]
    assert len(plan.check_inputs({})) == 1


def test_defaults_are_filled_in_at_any_depth_and_change_nothing_given() -> None:
    schema = {
        "properties": {
            "a": {"default": 1},
            "b": {"default": {}, "properties": {"c": {"default": [2]}}},
            "d": {"properties": {"e": {"default": None}}},
            "f": True,
        }
    }
    given: dict[str, Any] = {"a": None, "d": {}}
    assert apply_defaults(schema, given) == {"a": None, "b": {"c": [2]}, "d": {"e": None}}
    assert given == {"a": None, "d": {}}
    assert schema["properties"]["b"] == {"default": {}, "properties": {"c": {"default": [2]}}}
