"""Arguments of tool calls: decoding of JSON text, refusals with everything that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opcode_core.errors import LimitExceededError, ValidationError
from opcode_core.mcp.arguments import read_arguments
from opcode_core.mcp.schemas import TOOLS

SCHEMAS = {tool.name: tool.arguments for tool in TOOLS}
HASH = {
    "properties": {
        "data": {},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def params_schema(action: str) -> dict[str, Any] | None:
    return HASH if action == "known.action" else None


def read(tool: str, given: Any) -> dict[str, Any]:
    return read_arguments(given, SCHEMAS[f"opcode.{tool}"], params_schema)


def refused(tool: str, given: Any) -> list[dict[str, Any]]:
    with pytest.raises(ValidationError) as caught:
        read(tool, given)
    details = caught.value.details
    assert details is not None
    return list(details["issues"])


def test_json_text_is_decoded_wherever_an_object_or_array_is_wanted() -> None:
    step = {
        "id": "a",
        "action": "known.action",
        "depends_on": '["b"]',
        "params": '{"headers": "{\\"A\\": \\"1\\"}"}',
    }
    definition = json.dumps({"steps": json.dumps([step]), "inputs": '{"x": "[1]"}'})
    read_back = read("define", {"name": "t", "agent_id": "me", "definition": definition})[
        "definition"
    ]
    assert read_back["steps"] == [
        {
            "id": "a",
            "action": "known.action",
            "depends_on": ["b"],
            "params": {"headers": {"A": "1"}},
        }
    ]
    assert read_back["inputs"] == {"x": "[1]"}, "what may be anything stays the text it is"


def test_text_that_is_wanted_as_text_stays_text() -> None:
    steps = [{"id": "a", "action": "known.action", "params": {"data": '{"a": 1}'}}]
    read_back = read("define", {"name": "t", "agent_id": "me", "definition": {"steps": steps}})
    assert read_back["definition"]["steps"][0]["params"]["data"] == '{"a": 1}'


def test_a_text_that_is_no_json_is_left_for_the_checks_of_the_definition() -> None:
    assert (
        read("define", {"name": "t", "agent_id": "me", "definition": "no JSON"})["definition"]
        == "no JSON"
    )


def test_everything_wrong_is_said_at_once_with_the_nearest_name() -> None:
    issues = refused("run", {"parms": {}, "agent_id": 5, "wait_ms": 50_001, "dry_run": "yes"})
    found = {issue["path"]: issue for issue in issues}
    assert found["/parms"]["code"] == "UNKNOWN_FIELD"
    assert "`params`" in found["/parms"]["hint"]
    assert found["/agent_id"]["code"] == "WRONG_TYPE"
    assert found["/wait_ms"]["code"] == "INVALID_VALUE"
    assert found["/dry_run"]["code"] == "WRONG_TYPE"
    assert found["/template_name"]["code"] == "MISSING_FIELD"


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("run", {"template_name": "", "agent_id": "me"}),
        ("run", {"template_name": "t", "agent_id": "me", "wait_ms": True}),
        ("run", {"template_name": "t", "agent_id": "me", "wait_ms": -1}),
        ("run", {"template_name": "t", "agent_id": "me", "params": [1]}),
        ("status", {"workflow_id": "w", "include": ["steps"]}),
        ("signal", {"workflow_id": "w", "signal_type": "approve", "payload": {}}),
        ("query", {"resource": "template"}),
        ("query", {"resource": None}),
    ],
)
def test_values_that_cannot_be_are_refused(tool: str, given: Any) -> None:
    assert refused(tool, given)


def test_null_counts_as_absent_for_what_may_be_left_out() -> None:
    given = {"template_name": "t", "agent_id": "me", "version": None, "params": None}
    assert read("run", given) == {"template_name": "t", "agent_id": "me"}


@pytest.mark.parametrize("given", [[], "text", 5])
def test_arguments_that_are_no_object_are_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        read("query", given)


@pytest.mark.parametrize(
    "text", ['{"n": 1, "n": 2}', '{"n": NaN}', '{"n": 18446744073709551616}', '{"n": "\\ud800"}']
)
def test_json_text_that_is_ambiguous_or_inexact_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        read("run", {"template_name": "t", "agent_id": "me", "params": text})


def test_json_text_that_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(LimitExceededError):
        read(
            "run",
            {
                "template_name": "t",
                "agent_id": "me",
                "params": '{"n": ' + "[" * 5000 + "]" * 5000 + "}",
            },
        )
