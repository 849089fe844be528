"""The limits of expressions and of depth are settings: for every language, at define and at run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opcode_core import Expression, ExpressionLimits
from opcode_core.errors import LimitExceededError, OpcodeError
from opcode_core.model.requests import DefineRequest, RunRequest, SignalRequest
from opcode_core.opening import open_service
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution, Registry
from opcode_core.settings import Limits, Settings, SettingsError, load_settings

LANGUAGES = ("cel", "expr", "jq")
SLOW = {
    "cel": "inputs.l.all(a, inputs.l.all(b, a + b >= 0))",
    "expr": "all(inputs.l, all(inputs.l, # >= 0))",
    "jq": "last(range(1000000000000)) == 1",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def guarded(language: str, source: str) -> dict[str, Any]:
    """A definition of one step with a guard in this language."""
    return {"steps": [{"id": "a", "action": "crypto.uuid", "condition": {language: source}}]}


def codes(definition: dict[str, Any], **limits: Any) -> list[str]:
    """The codes of what is wrong with a definition under these limits."""
    registry = load_plugins(Settings(limits=Limits(**limits)))
    return [problem.code for problem in diagnose(definition, registry).errors]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_size_and_the_depth_of_an_expression(language: str) -> None:
    long = guarded(language, " " * 5000 + "1 == 1")
    assert codes(long) == ["BAD_EXPRESSION"]
    assert codes(long, expression_bytes=6000) == []
    assert codes(guarded(language, " " * 100 + "1 == 1"), expression_bytes=100) == [
        "BAD_EXPRESSION"
    ]
    deep = guarded(language, "(" * 60 + "1" + ")" * 60 + " == 1")
    assert codes(deep) == ["BAD_EXPRESSION"]
    assert codes(deep, expression_depth=60) == []
    assert codes(guarded(language, "(" * 9 + "1" + ")" * 9 + " == 1"), expression_depth=8) == [
        "BAD_EXPRESSION"
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_deepest_that_may_be_allowed_is_a_verdict_and_no_crash(language: str) -> None:
    deep = guarded(language, "(" * 200 + "1" + ")" * 200 + " == 1")
    assert codes(deep, expression_depth=200) in ([], ["BAD_EXPRESSION"])


@pytest.mark.anyio
@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_time_of_an_evaluation(language: str, tmp_path: Path) -> None:
    limits = Limits(expression_seconds=0.25)
    async with open_service(Settings(db_path=tmp_path / "x.db", limits=limits)) as service:
        await service.define(DefineRequest("t", guarded(language, SLOW[language]), "me"))
        params = {"l": list(range(10_000))}
        answer = await service.run(RunRequest("t", "me", params=params, wait_ms=20_000))
        assert answer["error"]["code"] == "EXECUTION_ERROR"
        assert "longer than 0.25 s" in answer["error"]["message"]


@pytest.mark.anyio
async def test_the_action_has_the_same_limits(tmp_path: Path) -> None:
    step = {"id": "a", "action": "expr.eval", "params": {"expression": SLOW["expr"]}}
    limits = Limits(expression_seconds=0.25)
    async with open_service(Settings(db_path=tmp_path / "x.db", limits=limits)) as service:
        await service.define(DefineRequest("t", {"steps": [step]}, "me"))
        params = {"l": list(range(10_000))}
        answer = await service.run(RunRequest("t", "me", params=params, wait_ms=20_000))
        assert "longer than 0.25 s" in answer["error"]["message"]


def test_an_engine_of_somebody_else_is_made_with_them() -> None:
    given: list[ExpressionLimits] = []

    class Engine:
        name = "own"

        def __init__(self, limits: ExpressionLimits) -> None:
            given.append(limits)

        def compile(self, source: str, *, extra: Any = None) -> Expression:
            raise AssertionError(source)

    registry = Registry(
        limits=Limits(expression_bytes=77, expression_depth=7, expression_seconds=0.7)
    )
    registry.take(Contribution("own", engines=[("own", Engine)]))
    assert registry.engine("own") is not None
    assert given == [ExpressionLimits(source_bytes=77, depth=7, seconds=0.7)]


def nested(depth: int) -> Any:
    """A value that is nested so deep."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_the_depth_of_definitions_and_values() -> None:
    deep = {"steps": [{"id": "a", "action": "crypto.hash", "params": {"data": nested(70)}}]}
    assert codes(deep) == ["LIMIT_EXCEEDED"]
    assert codes(deep, value_depth=70) == []
    assert codes(deep, value_depth=70, json_depth=73) == ["LIMIT_EXCEEDED"]


@pytest.mark.anyio
async def test_the_depth_of_what_comes_to_a_workflow(tmp_path: Path) -> None:
    """The value itself, not the object that arguments stand in."""
    ask = {"id": "a", "type": "reasoning", "config": {"prompt_context": "?"}}
    async with open_service(Settings(db_path=tmp_path / "x.db")) as service:
        await service.define(DefineRequest("t", {"steps": [ask]}, "me"))
        with pytest.raises(LimitExceededError, match=r"`params`.*64 levels"):
            await service.run(RunRequest("t", "me", params={"n": nested(65)}))
        run = await service.run(RunRequest("t", "me", params={"n": nested(64)}))
        answer = {"choice": "x", "data": nested(65)}
        request = SignalRequest(run["workflow_id"], "decision", answer, "a", "me")
        with pytest.raises(OpcodeError, match=r"`payload`.*64 levels"):
            await service.signal(request)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("json_depth", "500"),
        ("value_depth", "0"),
        ("expression_bytes", "1.5"),
        ("expression_depth", "1000"),
        ("expression_seconds", "0"),
    ],
)
def test_what_no_limit_can_be_is_refused_with_its_place(
    tmp_path: Path, name: str, wrong: str
) -> None:
    file = tmp_path / "opcode.toml"
    file.write_text(f"[limits]\n{name} = {wrong}\n")
    environment = {"OPCODE_CONFIG": str(file), "OPCODE_DB_PATH": str(tmp_path / "x.db")}
    with pytest.raises(SettingsError, match=f"/limits/{name}"):
        load_settings(environment)


def test_they_are_read_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "opcode.toml"
    file.write_text("[limits]\nexpression_seconds = 2.5\nvalue_depth = 80\n")
    environment = {"OPCODE_CONFIG": str(file), "OPCODE_DB_PATH": str(tmp_path / "x.db")}
    limits = load_settings(environment).limits
    assert limits.expressions == ExpressionLimits(4096, 50, 2.5)
    assert limits.value_depth == 80
