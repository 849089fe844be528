"""Members of steps that stand in the wrong place."""

from __future__ import annotations

from typing import Any

import pytest
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings
from plan_patches import apply

BODY = [{"id": "x", "action": "crypto.uuid"}]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings(plugins_allow=("steps", "cel", "crypto")))


@pytest.mark.parametrize(
    ("step", "names", "inside"),
    [
        ({"type": "wait", "duration": "1s"}, ["duration"], "config"),
        ({"type": "wait", "config": {}, "duration": "1s"}, ["duration"], "config"),
        ({"type": "loop", "mode": "for_each", "over": [1], "body": BODY}, ["mode", "over", "body"], "config"),
        ({"type": "parallel", "branches": [BODY]}, ["branches"], "config"),
        ({"type": "condition", "expression": "true", "config": {"branches": {"true": BODY}}}, ["expression"], "config"),
        ({"type": "reasoning", "prompt_context": "x", "options": []}, ["prompt_context", "options"], "config"),
        ({"action": "crypto.hash", "data": "x", "algorithm": "md5"}, ["data", "algorithm"], "params"),
        ({"action": "crypto.hash", "params": {"data": 1}, "algorithm": "md5"}, ["algorithm"], "params"),
    ],
)  # fmt: skip
def test_a_member_beside_its_object_is_told_where_it_belongs_and_moved(
    registry: Registry, step: dict[str, Any], names: list[str], inside: str
) -> None:
    definition = {"steps": [{"id": "s", **step}]}
    problems = diagnose(definition, registry).problems
    misplaced = [one for one in problems if one.code == "UNKNOWN_FIELD"]
    assert [one.path for one in misplaced] == [f"/steps/0/{name}" for name in names]
    assert {one.hint for one in misplaced} == {f"it belongs into `{inside}`"}
    mended = apply(definition, misplaced[0].fix)
    assert diagnose(mended, registry).problems == []


def test_nothing_is_moved_over_what_is_there(registry: Registry) -> None:
    step = {"id": "s", "type": "wait", "config": {"duration": "1s"}, "duration": "2s"}
    (problem,) = diagnose({"steps": [step]}, registry).problems
    assert (problem.path, problem.fix) == ("/steps/0/duration", None)


@pytest.mark.parametrize(
    "step",
    [
        {"type": "wait", "params": {"duration": "1s"}},
        {"action": "crypto.hash", "config": {"data": "x"}},
    ],
)
def test_params_and_config_are_not_taken_for_each_other(
    registry: Registry, step: dict[str, Any]
) -> None:
    definition = {"steps": [{"id": "s", **step}]}
    problem = diagnose(definition, registry).problems[0]
    assert problem.code == "UNKNOWN_FIELD"
    assert "stands in" in (problem.hint or "")
    assert diagnose(apply(definition, problem.fix), registry).problems == []
