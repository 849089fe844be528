"""Actions and their parameters, checked before anything runs."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from opcode_core import ActionSource, Effect, Params, Problem, action, pointer
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.registry import Contribution, Registry
from opcode_steps.action import ActionStep
from pydantic import Field


class EverythingParams(Params):
    """Parameters of every kind."""

    text: str
    number: int = 0
    ratio: float = 0.0
    flag: bool = False
    level: Literal["debug", "info", "warn"] = "info"
    words: list[str] = Field(default=[])
    pairs: dict[str, str] = Field(default={})
    either: str | int | None = None
    short: str = Field(default="", max_length=3)
    anything: Any = None
    renamed: str = Field(default="", alias="as")


def no_shouting(source: ActionSource) -> list[Problem]:
    """A further check of the action's own."""
    text = source.params.get("text")
    if source.references("text") or not isinstance(text, str) or not text.isupper():
        return []
    return [Problem(pointer(source.pointer, "text"), "INVALID_VALUE", "do not shout")]


@action("test.everything", effect=Effect.PURE, check=no_shouting)
def everything(params: EverythingParams) -> Any:
    """Take parameters of every kind."""
    return params.text


@pytest.fixture(scope="module")
def registry() -> Registry:
    made = Registry(deny=["denied.*"])
    staged = Contribution("test")
    staged.actions.append(everything)
    staged.step_types.append(ActionStep)
    made.take(staged)
    return made


def found(registry: Registry, params: Any = None, **members: Any) -> list[Problem]:
    step = {"id": "a", "action": "test.everything", **members}
    if params is not None:
        step["params"] = params
    return diagnose({"steps": [step]}, registry).problems


@pytest.mark.parametrize(
    "params",
    [
        {"text": "x", "number": 1, "ratio": 0.5, "flag": True, "level": "warn"},
        {"text": "", "ratio": 1, "words": ["a"], "pairs": {"a": "b"}, "either": None, "as": "x"},
        {"text": "${{inputs.x}}", "number": "${{inputs.x}}", "flag": "${{inputs.x}}"},
        {"text": "x", "level": "${{inputs.x}}", "words": "${{inputs.x}}", "pairs": "${{inputs.x}}"},
        {
            "text": "x",
            "words": ["a", "${{inputs.x}}", "b-${{inputs.x}}"],
            "pairs": {"a": "${{inputs.x}}"},
        },
        {"text": "x ${{inputs.x}}", "level": "x${{inputs.x}}", "short": "long ${{inputs.x}}"},
        {"text": "x", "anything": {"deep": [1, None, "${{inputs.x}}"]}},
    ],
)
def test_what_the_action_takes(registry: Registry, params: dict[str, Any]) -> None:
    assert found(registry, params) == []


@pytest.mark.parametrize(
    ("params", "path", "code", "says"),
    [
        ({}, "text", "MISSING_FIELD", "`text` is missing"),
        ({"text": None}, "text", "WRONG_TYPE", "expected a string, found null"),
        ({"text": ["x"]}, "text", "WRONG_TYPE", "expected a string, found array"),
        ({"text": "x", "number": "1"}, "number", "WRONG_TYPE", "an integer, found string"),
        ({"text": "x", "number": 1.5}, "number", "WRONG_TYPE", "an integer, found number"),
        ({"text": "x", "number": True}, "number", "WRONG_TYPE", "an integer, found boolean"),
        ({"text": "x", "ratio": "1"}, "ratio", "WRONG_TYPE", "a number, found string"),
        ({"text": "x", "flag": 1}, "flag", "WRONG_TYPE", "true or false, found integer"),
        ({"text": "x", "words": "a"}, "words", "WRONG_TYPE", "an array, found string"),
        ({"text": "x", "words": ["a", 1]}, "words/1", "WRONG_TYPE", "a string, found integer"),
        ({"text": "x", "pairs": {"a/b": 1}}, "pairs/a~1b", "WRONG_TYPE", "a string"),
        (
            {"text": "x", "either": []},
            "either",
            "WRONG_TYPE",
            "a string or an integer, found array",
        ),
        ({"text": "x", "short": "long"}, "short", "INVALID_VALUE", "at most 3"),
        ({"text": "x", "renamed": "x"}, "renamed", "UNKNOWN_FIELD", "no field `renamed`"),
        ({"text": "x", "txt": "x"}, "txt", "UNKNOWN_FIELD", "no field `txt`"),
        ({"text": "x", "txt": "a ${{inputs.x}}"}, "txt", "UNKNOWN_FIELD", "no field `txt`"),
        ({"text": "x", "txt": "${{inputs.x}}"}, "txt", "UNKNOWN_FIELD", "no field `txt`"),
        ({"text": "x", "txt": ["${{inputs.x}}"]}, "txt", "UNKNOWN_FIELD", "no field `txt`"),
        ({"text": "x", "number": "n${{inputs.x}}"}, "number", "WRONG_TYPE", "an integer"),
        ({"text": "x", "flag": "${{inputs.x}}!"}, "flag", "WRONG_TYPE", "true or false"),
        ({"text": ["${{inputs.x}}"]}, "text", "WRONG_TYPE", "expected a string"),
        ({"text": {"a": "${{inputs.x}}"}}, "text", "WRONG_TYPE", "expected a string"),
        ({"text": "x", "words": ["${{inputs.x}}", 1]}, "words/1", "WRONG_TYPE", "a string"),
        ({"text": "SHOUTED"}, "text", "INVALID_VALUE", "do not shout"),
    ],
)
def test_what_it_does_not_take(
    registry: Registry, params: dict[str, Any], path: str, code: str, says: str
) -> None:
    problems = found(registry, params)
    assert [(p.path, p.code) for p in problems] == [(f"/steps/0/params/{path}", code)]
    assert says in problems[0].message


def test_a_missing_params_is_one_without_members(registry: Registry) -> None:
    assert [p.path for p in found(registry)] == ["/steps/0/params/text"]


def test_all_problems_of_the_parameters_are_told_at_once(registry: Registry) -> None:
    params = {"txt": "x", "number": "1", "level": "wanr", "words": [1, 2], "flag": None}
    problems = found(registry, params)
    assert sorted((p.path.removeprefix("/steps/0/params/"), p.code) for p in problems) == [
        ("flag", "WRONG_TYPE"),
        ("level", "INVALID_VALUE"),
        ("number", "WRONG_TYPE"),
        ("txt", "UNKNOWN_FIELD"),
        ("words/0", "WRONG_TYPE"),
        ("words/1", "WRONG_TYPE"),
    ]


def test_hints_and_fixes(registry: Registry) -> None:
    at = "/steps/0/params"
    (problem,) = found(registry, {"text": "x", "level": "wanr"})
    assert problem.hint == "did you mean `warn`?"
    assert problem.fix == ({"op": "replace", "path": f"{at}/level", "value": "warn"},)
    (problem,) = found(registry, {"text": "x", "nubmer": 1})
    assert problem.hint == "did you mean `number`?"
    assert problem.fix == ({"op": "move", "from": f"{at}/nubmer", "path": f"{at}/number"},)
    for value, text in ((5, "5"), (True, "true"), (2.0, "2"), (1e21, "1e+21")):
        (problem,) = found(registry, {"text": value})
        assert problem.hint == "write it in quotes"
        assert problem.fix == ({"op": "replace", "path": f"{at}/text", "value": text},)
    (problem,) = found(registry, {"text": "x", "level": 5})
    assert problem.code == "INVALID_VALUE"
    assert "`debug`, `info`, `warn`" in problem.message


def test_a_step_names_an_action_that_is_there(registry: Registry) -> None:
    (problem,) = diagnose({"steps": [{"id": "a"}]}, registry).problems
    assert (problem.path, problem.code) == ("/steps/0/action", "MISSING_FIELD")
    (problem,) = found(registry, {"text": "x"}, action="test.evrything")
    assert (problem.path, problem.code) == ("/steps/0/action", "ACTION_UNAVAILABLE")
    assert problem.hint == "did you mean `test.everything`?"
    assert problem.fix == (
        {"op": "replace", "path": "/steps/0/action", "value": "test.everything"},
    )
    (problem,) = found(registry, {"text": "x"}, action="denied.all")
    assert problem.message == "action `denied.all` is denied by policy: actions.deny has `denied.*`"
    assert problem.fix is None
    (problem,) = found(registry, {"text": "x"}, action=["test.everything"])
    assert (problem.path, problem.code) == ("/steps/0/action", "WRONG_TYPE")


def test_the_references_of_an_unknown_action_are_checked_all_the_same(registry: Registry) -> None:
    problems = found(registry, {"x": "${{nothing.y}}", "s": "${{secrets.K}}"}, action="no.such")
    errors = {(p.path, p.code) for p in problems if p.severity == "error"}
    assert errors == {
        ("/steps/0/params/x", "UNKNOWN_REFERENCE"),
        ("/steps/0/action", "ACTION_UNAVAILABLE"),
    }


def test_problems_never_show_a_value(registry: Registry) -> None:
    for params in (
        {"text": ["s3cr3t"]},
        {"text": "x", "short": "s3cr3t"},
        {"text": "x", "number": "s3cr3t"},
    ):
        (problem,) = found(registry, params)
        assert "s3cr3t" not in str(problem.to_json())
