"""The argument `triggers` of define: everything that is wrong with it at once."""

from typing import Any

import pytest
from opcode_core.model.problems import Problem
from opcode_core.plan.compile import diagnose
from opcode_core.plan.problems import Problems
from opcode_core.plan.triggers import MAX_SCHEDULES, check_triggers
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings

GOOD = {"expression": "0 9 * * *"}


def found(triggers: Any) -> list[Problem]:
    problems = Problems("triggers")
    check_triggers(triggers, problems)
    assert all(problem.argument == "triggers" for problem in problems.all())
    return problems.all()


def errors(*schedules: Any) -> list[tuple[str, str]]:
    return [
        (problem.path, problem.code)
        for problem in found({"cron": list(schedules)})
        if problem.severity == "error"
    ]


@pytest.mark.parametrize("triggers", [None, {}, {"cron": []}])
def test_nothing_to_start(triggers: Any) -> None:
    assert found(triggers) == []


@pytest.mark.parametrize(
    "schedule",
    [
        GOOD,
        {"expression": "@daily", "params": {"deep": True}, "enabled": False},
        {"expression": "30 6 * JAN-MAR MON-FRI", "timezone": "Europe/Madrid", "name": "mornings",
         "missed": "skip", "overlap": "queue"},
        {**GOOD, "missed": "once", "overlap": "skip"},
        {**GOOD, "missed": "all", "overlap": "allow", "enabled": True, "params": {}, "name": "jeden Morgen"},
        {**GOOD, "name": "x" * 128, "params": {"text": "${{ is only text here"}},
    ],
)  # fmt: skip
def test_what_is_right(schedule: Any) -> None:
    assert found({"cron": [schedule]}) == []


def test_schedules_without_a_name_do_not_clash() -> None:
    assert errors(GOOD, GOOD, {**GOOD, "name": "a"}, {**GOOD, "name": "A"}) == []


@pytest.mark.parametrize(
    ("schedule", "at", "code"),
    [
        ({}, "/expression", "MISSING_FIELD"),
        ({"expression": "61 * * * *"}, "/expression", "BAD_CRON"),
        ({"expression": "0 0 31 2 *"}, "/expression", "BAD_CRON"),
        ({"expression": "30 0 9 * * *"}, "/expression", "BAD_CRON"),
        ({"expression": ""}, "/expression", "BAD_CRON"),
        ({"expression": 9}, "/expression", "WRONG_TYPE"),
        ({"expression": None}, "/expression", "WRONG_TYPE"),
        ({"expression": ["0 9 * * *"]}, "/expression", "WRONG_TYPE"),
        ({**GOOD, "timezone": "Mars/Olympus"}, "/timezone", "INVALID_VALUE"),
        ({**GOOD, "timezone": ""}, "/timezone", "INVALID_VALUE"),
        ({**GOOD, "timezone": "../../etc/passwd"}, "/timezone", "INVALID_VALUE"),
        ({**GOOD, "timezone": 2}, "/timezone", "WRONG_TYPE"),
        ({**GOOD, "params": []}, "/params", "WRONG_TYPE"),
        ({**GOOD, "params": "{}"}, "/params", "WRONG_TYPE"),
        ({**GOOD, "enabled": "yes"}, "/enabled", "WRONG_TYPE"),
        ({**GOOD, "enabled": 1}, "/enabled", "WRONG_TYPE"),
        ({**GOOD, "missed": "sometimes"}, "/missed", "INVALID_VALUE"),
        ({**GOOD, "missed": None}, "/missed", "WRONG_TYPE"),
        ({**GOOD, "overlap": "once"}, "/overlap", "INVALID_VALUE"),
        ({**GOOD, "name": ""}, "/name", "INVALID_VALUE"),
        ({**GOOD, "name": " "}, "/name", "INVALID_VALUE"),
        ({**GOOD, "name": "x" * 129}, "/name", "INVALID_VALUE"),
        ({**GOOD, "name": 5}, "/name", "WRONG_TYPE"),
        ({**GOOD, "tz": "UTC"}, "/tz", "UNKNOWN_FIELD"),
        ({**GOOD, "a/b": 1}, "/a~1b", "UNKNOWN_FIELD"),
        ("0 9 * * *", "", "WRONG_TYPE"),
        (None, "", "WRONG_TYPE"),
    ],
)
def test_what_is_wrong(schedule: Any, at: str, code: str) -> None:
    assert errors(schedule) == [("/cron/0" + at, code)]


@pytest.mark.parametrize(
    ("triggers", "path", "code"),
    [
        ([], "", "WRONG_TYPE"),
        ("@daily", "", "WRONG_TYPE"),
        (0, "", "WRONG_TYPE"),
        ({"cron": {}}, "/cron", "WRONG_TYPE"),
        ({"cron": "@daily"}, "/cron", "WRONG_TYPE"),
        ({"cron": None}, "/cron", "WRONG_TYPE"),
        ({"crons": []}, "/crons", "UNKNOWN_FIELD"),
        ({"cron": [GOOD] * (MAX_SCHEDULES + 1)}, "/cron", "LIMIT_EXCEEDED"),
    ],
)
def test_what_is_wrong_around_them(triggers: Any, path: str, code: str) -> None:
    (problem,) = found(triggers)
    assert (problem.path, problem.code, problem.severity) == (path, code, "error")


def test_everything_at_once() -> None:
    assert errors(
        {"expression": "61 * * * *"},
        {"expression": "0 9 * * *", "timezone": "Mars/Olympus", "name": "a"},
        {"expression": "0 0 31 2 *", "timezne": "UTC"},
        {"expression": "30 0 9 * * *", "name": "a"},
        {"expression": "0 9 * * *", "missed": "sometimes", "overlap": 3},
    ) == [
        ("/cron/0/expression", "BAD_CRON"),
        ("/cron/1/timezone", "INVALID_VALUE"),
        ("/cron/2/timezne", "UNKNOWN_FIELD"),
        ("/cron/2/expression", "BAD_CRON"),
        ("/cron/3/name", "DUPLICATE_ID"),
        ("/cron/3/expression", "BAD_CRON"),
        ("/cron/4/missed", "INVALID_VALUE"),
        ("/cron/4/overlap", "WRONG_TYPE"),
    ]


def test_hints_say_what_to_write() -> None:
    (zone,) = found({"cron": [{**GOOD, "timezone": "europe/madrid"}]})
    assert zone.hint == "did you mean `Europe/Madrid`?"
    assert zone.fix == ({"op": "replace", "path": "/cron/0/timezone", "value": "Europe/Madrid"},)
    (strange,) = found({"cron": [{**GOOD, "timezone": "Mars/Olympus"}]})
    assert "Mars/Olympus" in strange.message
    assert strange.hint == "write a name such as `Europe/Madrid`"
    (field,) = found({"cron": [{**GOOD, "timezne": "UTC"}]})
    assert field.hint == "did you mean `timezone`?"
    (choice,) = found({"cron": [{**GOOD, "overlap": "queu"}]})
    assert choice.hint == "did you mean `queue`?"
    (twice,) = found({"cron": [{**GOOD, "name": "n"}, {**GOOD, "name": "n"}]})
    assert "the schedule at /cron/0 has it" in twice.message


def test_define_reports_them_beside_what_is_wrong_with_the_definition() -> None:
    triggers = {"cron": [{"expression": "61 * * * *"}, GOOD]}
    problems = diagnose({"steps": []}, Registry(), triggers=triggers).problems
    assert [(problem.argument, problem.path) for problem in problems] == [
        (None, "/steps"),
        ("triggers", "/cron/0/expression"),
    ]


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "deep": {"type": "object", "default": {}}, "who": {"type": "string"}},
    "required": ["n"],
    "additionalProperties": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "params", "expected"),
    [
        ({}, {"n": 1}, []),
        ({"n": 1}, {}, []),
        ({"n": "one"}, {"n": 1}, []),
        ({}, {}, [("/cron/0/params", "INVALID_VALUE")]),
        ({}, {"n": "1"}, [("/cron/0/params/n", "INVALID_VALUE")]),
        ({"n": 1}, {"n": None}, [("/cron/0/params/n", "INVALID_VALUE")]),
        ({}, {"n": 1, "m": 2}, [("/cron/0/params", "INVALID_VALUE")]),
        ({"who": "${{workflow.agent_id}}"}, {}, []),  # what it will be is not known here
        ({"who": "${{workflow.agent_id}}"}, {"who": "ann"}, [("/cron/0/params", "INVALID_VALUE")]),
        ({"who": "${{workflow.agent_id}}"}, {"who": "ann", "n": 2}, []),
    ],
)
def test_params_that_every_run_would_be_refused_for(
    inputs: dict[str, Any], params: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    registry = load_plugins(Settings(plugins_allow=("steps", "cel", "crypto")))
    definition = {"steps": [{"id": "a", "action": "crypto.uuid"}], "inputs": inputs}
    triggers = {"cron": [{**GOOD, "params": params}]}
    problems = diagnose(definition, registry, input_schema=SCHEMA, triggers=triggers).problems
    assert [(problem.path, problem.code) for problem in problems] == expected
    assert all(problem.argument == "triggers" for problem in problems)


def test_params_are_not_judged_while_something_else_is_wrong() -> None:
    registry = load_plugins(Settings(plugins_allow=("steps", "cel", "crypto")))
    definition = {"steps": [{"id": "a", "action": "crypto.uuid"}]}
    for triggers, schema in (
        ({"cron": [{"expression": "61 * * * *"}]}, SCHEMA),
        ({"cron": [GOOD]}, {"type": "nonsense"}),
    ):
        found = diagnose(definition, registry, input_schema=schema, triggers=triggers).problems
        assert {problem.code for problem in found} <= {"BAD_CRON", "BAD_SCHEMA"}
        assert found
