"""What is odd about a definition but does not refuse it: deadlines that never pass, steps that nobody reaches."""

from __future__ import annotations

from typing import Any

import pytest
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings

A = {"id": "a", "action": "crypto.uuid"}
FAIL = {"id": "stop", "action": "workflow.fail", "params": {"reason": "no"}}


@pytest.fixture(scope="module")
def registry() -> Registry:
    allowed = ("steps", "cel", "jq", "expr", "crypto", "workflow", "fs")
    return load_plugins(Settings(plugins_allow=allowed))


def warned(registry: Registry, *steps: dict[str, Any], **members: Any) -> list[str]:
    """Where there are warnings, in a definition that is accepted."""
    diagnosis = diagnose({"steps": list(steps), **members}, registry)
    assert diagnosis.errors == []
    return [problem.path for problem in diagnosis.warnings]


@pytest.mark.parametrize(
    ("deadline", "workflow", "odd"),
    [("2h", "1h", True), ("1h", "1h", False), ("1h", None, False), (None, "1h", False)],
)
def test_a_decision_has_no_longer_than_the_workflow(
    registry: Registry, deadline: str | None, workflow: str | None, odd: bool
) -> None:
    config = {"prompt_context": "go?", **({"timeout": deadline} if deadline else {})}
    ask = {"id": "ask", "type": "reasoning", "config": config}
    around = {"id": "p", "type": "parallel", "config": {"branches": [[ask]]}}
    members = {"timeout": workflow} if workflow else {}
    assert warned(registry, ask, **members) == (["/steps/0/config/timeout"] if odd else [])
    inside = "/steps/0/config/branches/0/0/config/timeout"
    assert warned(registry, around, **members) == ([inside] if odd else [])


def test_what_comes_after_a_step_that_always_fails_is_not_reached(registry: Registry) -> None:
    after = {**A, "depends_on": ["stop"]}
    later = {"id": "later", "action": "crypto.uuid", "depends_on": ["a"]}
    beside = {"id": "beside", "action": "crypto.uuid"}
    assert warned(registry, FAIL, after, later, beside) == ["/steps/1", "/steps/2"]
    branch = {"expression": "inputs.x", "branches": {"true": [A, FAIL, later]}}
    route = {"id": "route", "type": "condition", "config": branch}
    nested = {**branch, "branches": {"true": [A, FAIL, {**later, "depends_on": []}]}}
    assert warned(registry, {**route, "config": nested}) == ["/steps/0/config/branches/true/2"]


@pytest.mark.parametrize(
    "members",
    [
        {"condition": "inputs.x"},
        {"condition": "false"},
        {"on_error": {"strategy": "ignore"}},
        {"on_error": {"strategy": "fallback_step", "fallback_step": "spare"}},
    ],
)
def test_a_step_that_may_let_others_go_on_is_not_in_the_way(
    registry: Registry, members: dict[str, Any]
) -> None:
    spare = {"id": "spare", "action": "crypto.uuid"}
    assert warned(registry, {**FAIL, **members}, {**A, "depends_on": ["stop"]}, spare) == []


@pytest.mark.parametrize(
    ("expression", "never"),
    [
        ("true", ["/branches/false", "/default"]),
        ("'x'", ["/branches/true", "/branches/false"]),
        ("1 == 2", ["/branches/true", "/default"]),
        ("inputs.x", []),
        ({"expr": "now().Hour() > 12"}, []),
        ("[]", []),
    ],
)
def test_branches_of_an_expression_that_reads_nothing(
    registry: Registry, expression: Any, never: list[str]
) -> None:
    config = {"expression": expression, "branches": {"true": [A], "false": [A]}, "default": [A]}
    step = {"id": "c", "type": "condition", "config": config}
    assert warned(registry, step) == [f"/steps/0/config{path}" for path in never]


def test_the_body_of_a_loop_over_nothing_is_not_reached(registry: Registry) -> None:
    def loop(over: Any) -> dict[str, Any]:
        config = {"mode": "for_each", "over": over, "body": [A]}
        return {"id": "l", "type": "loop", "config": config}

    assert warned(registry, loop([])) == ["/steps/0/config/body"]
    assert warned(registry, loop("[]")) == ["/steps/0/config/body"]
    assert warned(registry, loop([1])) == []


def test_a_body_that_is_missing_is_said_to_be_missing_and_nothing_else(registry: Registry) -> None:
    loop = {"id": "l", "type": "loop", "config": {"mode": "for_each", "over": []}}
    diagnosis = diagnose({"steps": [loop]}, registry)
    assert [(one.path, one.code) for one in diagnosis.problems] == [
        ("/steps/0/config/body", "MISSING_FIELD")
    ]


def test_a_guard_that_is_false_is_a_way_to_switch_a_step_off(registry: Registry) -> None:
    assert warned(registry, {**A, "condition": "false"}) == []


FILES = {"id": "files", "action": "fs.list", "params": {"path": "."}}


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ({"type": "loop", "config": {"mode": "for_each", "over": "${{steps.files.path}}", "body": [A]}}, "WRONG_TYPE"),
        ({"type": "loop", "config": {"mode": "for_each", "over": "${{steps.files.entries}}", "body": [A]}}, None),
        ({"type": "wait", "config": {"duration": "${{steps.files.truncated}}"}}, "WRONG_TYPE"),
        ({"type": "wait", "config": {"duration": "${{steps.files.path}}"}}, None),
    ],
)  # fmt: skip
def test_what_a_loop_goes_over_and_a_wait_waits_is_of_the_right_type(
    registry: Registry, step: dict[str, Any], code: str | None
) -> None:
    whole = {"id": "s", "depends_on": ["files"], **step}
    problems = diagnose({"steps": [FILES, whole]}, registry).problems
    assert [problem.code for problem in problems] == ([] if code is None else [code])
