"""What `tools/list` tells an agent: all it needs for every step type, in few bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opcode_core.mcp.arguments import read_arguments
from opcode_core.mcp.schemas import DEFINITION, STEP, TOOLS
from opcode_core.plan.compile import _FIELDS, diagnose
from opcode_core.plan.members import EVERY
from opcode_core.plugins.discovery import load_plugins
from opcode_core.settings import Settings

CONFIG = STEP["properties"]["config"]  # type: ignore[index] # an object
BODY = [{"id": "x", "action": "crypto.uuid"}]
BLOCKS: dict[str, dict[str, Any]] = {
    "condition": {"expression": "inputs.n == 1", "branches": {"true": BODY}, "default": BODY},
    "loop": {"mode": "for_each", "over": [1], "body": BODY, "max_iter": 1, "concurrency": 1},
    "parallel": {"branches": [BODY], "mode": "all"},
    "wait": {"signal": "s", "timeout": "1s"},
    "reasoning": {
        "prompt_context": "?",
        "options": [{"id": "a", "description": "b"}],
        "data_inject": 1,
        "timeout": "1s",
        "fallback": "a",
        "target_agent": "b",
    },
}


def listed() -> list[dict[str, Any]]:
    return [
        {"name": tool.name, "description": tool.description, "inputSchema": tool.arguments}
        for tool in TOOLS
    ]


def test_all_tools_together_are_small() -> None:
    text = json.dumps(listed(), separators=(",", ":"), ensure_ascii=False)
    assert len(text.encode()) < 9000


@pytest.mark.parametrize("kind", BLOCKS)
def test_every_member_of_a_config_is_told(kind: str) -> None:
    """The block is all that the type takes, and its members stand in the sentence about the type."""
    step = {"id": "s", "type": kind, "config": BLOCKS[kind]}
    assert diagnose({"steps": [step]}, load_plugins(Settings())).problems == []
    sentence = f". {CONFIG['description']}".partition(f". {kind}: ")[2]
    for other in BLOCKS:
        sentence = sentence.partition(f". {other}: ")[0]
    for member in BLOCKS[kind]:
        assert member in sentence


def test_every_member_of_a_definition_and_of_a_step_is_told() -> None:
    for schema, fields in ((DEFINITION, _FIELDS), (STEP, EVERY)):
        assert set(schema["properties"]) == set(fields)


@pytest.mark.parametrize("kind", ["condition", "loop", "parallel", "reasoning"])
def test_lists_in_a_config_may_come_as_json_text(kind: str) -> None:
    written = {
        name: json.dumps(value) if isinstance(value, (list, dict)) and name != "over" else value
        for name, value in BLOCKS[kind].items()
    }
    tool = next(tool for tool in TOOLS if tool.name == "opcode.define")
    given = {
        "name": "t",
        "agent_id": "me",
        "definition": {"steps": [{"id": "s", "type": kind, "config": written}]},
    }
    read = read_arguments(given, tool.arguments, lambda _: None)
    assert read["definition"]["steps"][0]["config"] == BLOCKS[kind]
