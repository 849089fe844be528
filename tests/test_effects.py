"""What a step does to the world, as far as its definition shows: what an interruption means for it hangs on that."""

from __future__ import annotations

from typing import Any

import pytest
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings

URL = "https://example.com/"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings())


@pytest.mark.parametrize(
    ("action", "params", "effect"),
    [
        ("http.request", {"url": URL}, "idempotent"),
        ("http.request", {"url": "${{inputs.url}}", "method": "GET"}, "idempotent"),
        ("http.request", {"url": "${{inputs.url}}", "method": "PUT"}, "idempotent"),
        ("http.request", {"url": "${{inputs.url}}", "method": "POST"}, "unsafe"),
        ("http.request", {"url": URL, "method": "${{inputs.method}}"}, "unsafe"),
        ("workflow.context", {"action": "read"}, "pure"),
        ("workflow.context", {"action": "update", "data": {"a": "${{inputs.a}}"}}, "idempotent"),
        ("workflow.context", {"action": "${{inputs.what}}"}, "unsafe"),
        ("crypto.hash", {"data": "${{inputs.a}}"}, "pure"),
    ],
)
def test_an_effect_hangs_only_on_the_parameters_that_decide_it(
    registry: Registry, action: str, params: dict[str, Any], effect: str
) -> None:
    step = {"id": "a", "action": action, "params": params}
    plan = diagnose({"steps": [step]}, registry).plan
    assert plan is not None
    assert plan.steps.steps["a"].type.effect.value == effect
