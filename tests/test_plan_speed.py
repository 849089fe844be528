"""How long a whole definition of five hundred steps takes, with references, guards, expressions and nested steps."""

from __future__ import annotations

import time
from typing import Any

import pytest
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings

MOST_MS = 60.0
GENEROUS = 4
"""So many times slower may the machine be that runs the tests beside others."""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings(plugins_allow=("steps", "cel", "crypto", "workflow")))


def block(number: int, before: str | None) -> list[dict[str, Any]]:
    """Ten steps, four of them nested, each reading the one before it."""
    names = [f"s{number}_{index}" for index in range(6)]
    steps: list[dict[str, Any]] = []
    for index, name in enumerate(names[:4]):
        data = {
            "before": f"${{{{steps.{before}.output}}}}" if before else 1,
            "text": f"of ${{{{inputs.name}}}}: ${{{{ inputs.n + {index} }}}}",
        }
        step: dict[str, Any] = {
            "id": name,
            "action": "crypto.hmac",
            "params": {"key": "k", "data": data},
        }
        if before:
            step["depends_on"] = [before]
            step["condition"] = f"steps.{before}.status == 'completed' && inputs.n > {index}"
        steps.append(step)
        before = name
    inner = {"data": f"${{{{loop.item}}}} ${{{{steps.{before}.output.hmac}}}}"}
    body: list[dict[str, Any]] = [
        {"id": "h", "action": "crypto.hash", "params": inner},
        {"id": "l", "action": "workflow.log", "params": {"message": "${{steps.h.output.hash}}"}},
    ]
    loop = {"mode": "for_each", "over": "${{inputs.items}}", "body": body}
    steps.append({"id": names[4], "type": "loop", "depends_on": [before], "config": loop})
    counted = {**body[0], "params": {"data": f"${{{{steps.{names[4]}.iterations}}}}"}}
    branches = {"true": [counted], "false": [{"id": "y", "action": "crypto.uuid"}]}
    route = {"expression": f"steps.{names[4]}.output.iterations > 1", "branches": branches}
    steps.append({"id": names[5], "type": "condition", "depends_on": [names[4]], "config": route})
    return steps


def test_five_hundred_steps_are_diagnosed_in_sixty_milliseconds(registry: Registry) -> None:
    steps: list[dict[str, Any]] = []
    for number in range(50):
        steps += block(number, steps[-1]["id"] if steps else None)
    definition = {"steps": steps, "inputs": {"n": 1, "name": "x", "items": [1]}}
    assert str(definition).count("'id': ") == 500
    took = []
    for _ in range(10):
        begin = time.thread_time()
        assert diagnose(definition, registry).problems == []
        took.append((time.thread_time() - begin) * 1000)
    assert min(took) < MOST_MS * GENEROUS, took
