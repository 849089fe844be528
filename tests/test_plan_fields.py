"""What a definition and its steps may hold: names, types, ids, durations, policies of retry and errors."""

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


def found(registry: Registry, definition: Any) -> list[Problem]:
    return diagnose(definition, registry).problems


def in_step(registry: Registry, **members: Any) -> list[Problem]:
    """The problems of a step `a` that is right but for these members."""
    return found(registry, {"steps": [{"id": "a", "action": "crypto.uuid", **members}]})


def one(problems: list[Problem]) -> tuple[str, str]:
    """Path and code of the only problem."""
    assert len(problems) == 1, problems
    return problems[0].path, problems[0].code


def the_step(**members: Any) -> dict[str, Any]:
    return {"id": "a", "action": "crypto.uuid", **members}


def test_everything_a_definition_may_have_is_taken(registry: Registry) -> None:
    definition = {
        "steps": [
            the_step(
                type="action",
                params={},
                depends_on=["b"],
                condition="inputs.n > 1",
                timeout="30s",
                retry={
                    "max": 3,
                    "backoff": "linear",
                    "delay": "1s",
                    "max_delay": "5s",
                    "jitter": True,
                },
                on_error={"strategy": "fallback_step", "fallback_step": "c"},
            ),
            {"id": "b", "action": "crypto.hash", "params": {"data": 1}},
            {"id": "c", "action": "crypto.uuid"},
        ],
        "inputs": {"n": 1},
        "metadata": {"name": "n", "anything": [1]},
        "context": {"x": 1},
        "output": {"a": "${{steps.a.output}}"},
        "schedule": "level",
    }
    diagnosis = diagnose(definition, registry)
    assert diagnosis.problems == []
    assert diagnosis.plan is not None
    step = diagnosis.plan.steps.steps["a"]
    assert (step.timeout, step.strategy, step.fallback) == (30.0, "fallback_step", "c")
    assert step.retry is not None
    assert (step.retry.max, step.retry.delay, step.retry.max_delay) == (3, 1.0, 5.0)
    assert diagnosis.plan.name == "n"


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "text", [], [{}]])
def test_a_definition_is_an_object(registry: Registry, value: Any) -> None:
    assert one(found(registry, value)) == ("", "WRONG_TYPE")


def test_a_definition_has_steps(registry: Registry) -> None:
    assert one(found(registry, {})) == ("/steps", "MISSING_FIELD")
    assert one(found(registry, {"steps": []})) == ("/steps", "INVALID_VALUE")
    assert one(found(registry, {"steps": {"a": {}}})) == ("/steps", "WRONG_TYPE")


@pytest.mark.parametrize(
    ("members", "path", "code"),
    [
        ({"inputs": []}, "/inputs", "WRONG_TYPE"),
        ({"metadata": "x"}, "/metadata", "WRONG_TYPE"),
        ({"context": None}, "/context", "WRONG_TYPE"),
        ({"schedule": 1}, "/schedule", "WRONG_TYPE"),
        ({"schedule": "levels"}, "/schedule", "INVALID_VALUE"),
        ({"input": {}}, "/input", "UNKNOWN_FIELD"),
        ({"a/b~c": 1}, "/a~1b~0c", "UNKNOWN_FIELD"),
        ({"": 1}, "/", "UNKNOWN_FIELD"),
    ],
)
def test_members_of_a_definition(
    registry: Registry, members: dict[str, Any], path: str, code: str
) -> None:
    assert one(found(registry, {"steps": [the_step()], **members})) == (path, code)


@pytest.mark.parametrize(
    ("members", "path", "code"),
    [
        ({"timeout": 5}, "/timeout", "BAD_DURATION"),
        ({"on_timeout": "stop"}, "/on_timeout", "INVALID_VALUE"),
        ({"on_complete": []}, "/on_complete", "WRONG_TYPE"),
        ({"on_complete": {"action": "crypto.uid"}}, "/on_complete/action", "ACTION_UNAVAILABLE"),
        ({"on_error": {"id": "a", "action": "crypto.uuid"}}, "/on_error/id", "DUPLICATE_ID"),
        ({"on_error": {"action": "crypto.uuid", "x": 1}}, "/on_error/x", "UNKNOWN_FIELD"),
        ({"schedule": "data"}, "/schedule", "INVALID_VALUE"),
    ],
)
def test_members_that_say_how_the_whole_workflow_goes(
    registry: Registry, members: dict[str, Any], path: str, code: str
) -> None:
    assert one(found(registry, {"steps": [the_step()], **members})) == (path, code)


def test_what_happens_to_an_interrupted_step_is_one_of_three(registry: Registry) -> None:
    assert in_step(registry, on_interrupt="retry") == []
    assert one(in_step(registry, on_interrupt="again")) == (
        "/steps/0/on_interrupt",
        "INVALID_VALUE",
    )


def test_triggers_go_with_a_definition(registry: Registry) -> None:
    daily = {"cron": [{"expression": "@daily"}]}
    diagnosis = diagnose({"steps": [the_step()]}, registry, triggers=daily)
    assert diagnosis.plan is not None
    assert diagnosis.problems == []


@pytest.mark.parametrize("value", [None, True, 3, "a", ["a"]])
def test_a_step_is_an_object(registry: Registry, value: Any) -> None:
    problems = found(registry, {"steps": [the_step(), value]})
    assert one(problems) == ("/steps/1", "WRONG_TYPE")


@pytest.mark.parametrize(
    ("members", "path", "code", "hint"),
    [
        ({"parms": {}}, "parms", "UNKNOWN_FIELD", "did you mean `params`?"),
        ({"dependsOn": []}, "dependsOn", "UNKNOWN_FIELD", "did you mean `depends_on`?"),
        ({"zzz": 1}, "zzz", "UNKNOWN_FIELD", "there are `action`, "),
        ({"x~/y": 1}, "x~0~1y", "UNKNOWN_FIELD", "there are `action`, "),
        ({"config": {}}, "config", "UNKNOWN_FIELD", "stands in `params`"),
        ({"params": []}, "params", "WRONG_TYPE", None),
        ({"params": "x"}, "params", "WRONG_TYPE", None),
        ({"type": 1}, "type", "WRONG_TYPE", "write it in quotes"),
        ({"type": "acton"}, "type", "UNKNOWN_STEP_TYPE", "did you mean `action`?"),
        ({"type": ""}, "type", "UNKNOWN_STEP_TYPE", None),
        ({"timeout": 30}, "timeout", "BAD_DURATION", 'write it with its unit: "30s" or "30ms"'),
        ({"timeout": True}, "timeout", "BAD_DURATION", None),
        ({"timeout": "30"}, "timeout", "BAD_DURATION", None),
        ({"timeout": "-1s"}, "timeout", "BAD_DURATION", None),
        ({"condition": True}, "condition", "WRONG_TYPE", "write it in quotes"),
        ({"condition": None}, "condition", "WRONG_TYPE", None),
        ({"condition": {"cel": 1}}, "condition/cel", "WRONG_TYPE", "write it in quotes"),
        ({"condition": {"cel": "true", "jq": "."}}, "condition", "WRONG_TYPE", None),
        ({"condition": {"cell": "true"}}, "condition/cell", "BAD_EXPRESSION", None),
        ({"condition": ""}, "condition", "BAD_EXPRESSION", None),
        ({"retry": 3}, "retry", "WRONG_TYPE", 'write {"max":3}'),
        ({"retry": {}}, "retry/max", "MISSING_FIELD", None),
        ({"retry": {"max": "3"}}, "retry/max", "WRONG_TYPE", None),
        ({"retry": {"max": True}}, "retry/max", "WRONG_TYPE", None),
        ({"retry": {"max": 1.5}}, "retry/max", "WRONG_TYPE", None),
        ({"retry": {"max": -1}}, "retry/max", "INVALID_VALUE", None),
        ({"retry": {"max": 1, "dely": "1s"}}, "retry/dely", "UNKNOWN_FIELD", "`delay`"),
        ({"retry": {"max": 1, "delay": 1}}, "retry/delay", "BAD_DURATION", '"1s" or "1ms"'),
        ({"retry": {"max": 1, "jitter": "yes"}}, "retry/jitter", "WRONG_TYPE", None),
        ({"retry": {"max": 1, "max_delay": "x"}}, "retry/max_delay", "BAD_DURATION", None),
        ({"retry": {"max": 1, "backoff": "expo"}}, "retry/backoff", "INVALID_VALUE", "exponential"),
        ({"on_error": "ignore"}, "on_error", "WRONG_TYPE", 'write {"strategy":"ignore"}'),
        ({"on_error": {}}, "on_error/strategy", "MISSING_FIELD", None),
        ({"on_error": {"strategy": "ignored"}}, "on_error/strategy", "INVALID_VALUE", "`ignore`"),
        ({"on_error": {"strategy": "ignore", "x": 1}}, "on_error/x", "UNKNOWN_FIELD", "`strategy`"),
    ],
)
def test_members_of_a_step(
    registry: Registry, members: dict[str, Any], path: str, code: str, hint: str | None
) -> None:
    problems = in_step(registry, **members)
    assert one(problems) == (f"/steps/0/{path}", code)
    if hint is None:
        assert problems[0].hint is None
    else:
        assert problems[0].hint is not None
        assert hint in problems[0].hint


def test_many_retries_are_a_warning_only(registry: Registry) -> None:
    assert in_step(registry, retry={"max": 10}) == []
    problems = in_step(registry, retry={"max": 11})
    assert one(problems) == ("/steps/0/retry/max", "INVALID_VALUE")
    assert problems[0].severity == "warning"
    assert diagnose({"steps": [the_step(retry={"max": 11})]}, registry).plan is not None


def test_the_strategy_retry_without_a_policy_is_three_retries(registry: Registry) -> None:
    plan = diagnose({"steps": [the_step(on_error={"strategy": "retry"})]}, registry).plan
    assert plan is not None
    policy = plan.steps.steps["a"].retry
    assert policy is not None
    assert (policy.max, policy.backoff, policy.delay) == (3, "exponential", 1.0)


@pytest.mark.parametrize("step_id", ["a", "_", "A1", "fetch-data", "x" * 500])
def test_good_ids(registry: Registry, step_id: str) -> None:
    assert in_step(registry, id=step_id) == []


@pytest.mark.parametrize(
    "step_id", ["", "1a", "-a", "a.b", "a b", "a\n", "ä", "${{inputs.x}}", "a/b", "a~b"]
)
def test_ids_that_cannot_be(registry: Registry, step_id: str) -> None:
    problems = in_step(registry, id=step_id)
    assert one(problems) == ("/steps/0/id", "INVALID_ID")
    assert "letters, digits" in (problems[0].hint or "")


def test_ids_are_texts_and_must_be_there(registry: Registry) -> None:
    assert one(in_step(registry, id=7)) == ("/steps/0/id", "WRONG_TYPE")
    assert one(found(registry, {"steps": [{"action": "crypto.uuid"}]})) == (
        "/steps/0/id",
        "MISSING_FIELD",
    )


def test_every_second_step_of_a_name_is_reported(registry: Registry) -> None:
    problems = found(registry, {"steps": [the_step(), the_step(), the_step(id="b"), the_step()]})
    assert [(p.path, p.code) for p in problems] == [
        ("/steps/1/id", "DUPLICATE_ID"),
        ("/steps/3/id", "DUPLICATE_ID"),
    ]
    assert "/steps/0" in problems[0].message


def test_a_problem_shows_only_what_it_has() -> None:
    assert Problem("/a", "WRONG_TYPE", "m").to_json() == {
        "path": "/a",
        "code": "WRONG_TYPE",
        "message": "m",
        "severity": "error",
    }
    full = Problem("/a", "WRONG_TYPE", "m", "h", ({"op": "remove", "path": "/a"},), "warning", "x")
    assert full.to_json() == {
        "path": "/a",
        "code": "WRONG_TYPE",
        "message": "m",
        "severity": "warning",
        "argument": "x",
        "hint": "h",
        "fix": [{"op": "remove", "path": "/a"}],
    }
