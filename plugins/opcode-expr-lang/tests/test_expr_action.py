"""expr.eval: what it evaluates, where, and what is refused when a workflow is defined."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import opcode_expr_lang as plugin
import pydantic
import pytest
from opcode_core import (
    Action,
    Effect,
    ExecutionError,
    ExpressionLimits,
    Problem,
    ValidationError,
)
from opcode_core.model.problems import pointer
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Limits, Settings
from opcode_expr_lang.action import EvalParams, eval_

VARIABLES = {"inputs": {"n": 1, "data": "theirs"}, "steps": {}, "iter": {"index": 2}}


class Context:
    """As much of an `ActionContext` as the action asks for."""

    def variables(self) -> Mapping[str, Any]:
        return VARIABLES

    def setting(self, name: str) -> Any:
        return Limits().setting(name)


async def evaluate(expression: str, data: Any = None) -> Any:
    output = await eval_.run(EvalParams(expression=expression, data=data), Context())
    return output.model_dump()["result"]


@pytest.mark.parametrize(
    ("expression", "data", "result"),
    [
        ("inputs.n + 1", None, 2),
        ("data", {"a": [1, None, "x", 2.5]}, {"a": [1, None, "x", 2.5]}),
        ("data", None, None),
        ("data.v == 'a' ? 'yes' : 'no'", {"v": [1]}, "no"),
        ("inputs.data + '/' + data", "ours", "theirs/ours"),
        ("filter(data, # > iter.index)", [1, 2, 3], [3]),
        ("$env.data", 5, 5),
        ("'data' in $env", 5, True),
    ],
)
async def test_an_expression_reads_variables_and_data(
    expression: str, data: Any, result: Any
) -> None:
    assert await evaluate(expression, data) == result
    assert "data" not in VARIABLES


async def test_what_may_take_long_is_evaluated_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    from opcode_expr_lang.engine import CompiledExpr

    threads: list[int] = []
    evaluate_in_place = CompiledExpr.evaluate

    def watched(self: CompiledExpr, variables: Any) -> Any:
        threads.append(threading.get_ident())
        return evaluate_in_place(self, variables)

    monkeypatch.setattr(CompiledExpr, "evaluate", watched)
    assert await evaluate("inputs.n + 1") == 2
    assert await evaluate("map(1..3, #)") == [1, 2, 3]
    assert threads[0] == threading.get_ident()
    assert threads[1] != threading.get_ident()


async def test_errors_of_an_evaluation_are_the_engine_s() -> None:
    with pytest.raises(ExecutionError, match="data is nil: it has no `x`"):
        await evaluate("data.x")
    with pytest.raises(ExecutionError, match="builds more than"):
        await evaluate("count(1..data, all(1..data, # > 0))", 5000)


async def test_an_expression_that_came_at_run_and_does_not_compile_is_refused() -> None:
    with pytest.raises(ValidationError, match="`expression` does not compile: the expression ends"):
        await evaluate("1 +")


@pytest.mark.parametrize(
    "params", [{}, {"expression": 1}, {"expression": "1", "more": 2}, {"data": 1}]
)
def test_wrong_parameters_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        EvalParams.model_validate(params)


def test_the_plugin_registers_one_pure_action_and_one_engine() -> None:
    actions: list[Action] = []
    engines: dict[str, Any] = {}
    plugin.opcode_register_actions(actions.append)
    plugin.opcode_register_expression_engines(engines.__setitem__)
    assert [(one.name, one.effect, one.secrets) for one in actions] == [
        ("expr.eval", Effect.PURE, frozenset())
    ]
    assert list(engines) == ["expr"]
    assert engines["expr"](ExpressionLimits()).name == "expr"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings(plugins_allow=("steps", "crypto", "cel", "expr")))


def problems(registry: Registry, expression: Any, **members: Any) -> list[Problem]:
    data = members.pop("data", None)
    steps = [
        {"id": "a", "action": "crypto.uuid"},
        {"id": "other", "action": "crypto.uuid"},
        {
            "id": "b",
            "action": "expr.eval",
            "depends_on": ["a"],
            "params": {"expression": expression, "data": data},
        },
    ]
    return diagnose({"steps": steps}, registry, **members).problems


@pytest.mark.parametrize(
    "expression",
    ["1 + 1", "data.x", "steps.a.output.uuid", "inputs.n", "let data2 = data; data2", "$env.data"],
)
def test_what_may_be_defined(registry: Registry, expression: str) -> None:
    assert problems(registry, expression, data={"x": "${{steps.a.output.uuid}}"}) == []


@pytest.mark.parametrize(
    ("expression", "code", "words"),
    [
        ("filter(data, # >", "BAD_EXPRESSION", "ends too early"),
        ("input.n", "BAD_EXPRESSION", "did you mean `inputs`"),
        ("loop.item", "BAD_EXPRESSION", "write iter.item"),
        ("secrets.X", "BAD_EXPRESSION", "cannot read secrets"),
        ("let data = 1; data", "BAD_EXPRESSION", "taken already"),
        ("iter.item", "UNKNOWN_REFERENCE", "only inside a loop"),
        ("steps.other.output", "NOT_SETTLED", "other"),
        ("steps.nowhere", "UNKNOWN_REFERENCE", "nowhere"),
        ("workflow.nmae", "UNKNOWN_REFERENCE", "nmae"),
        ("${{ inputs.n + 1 }}", "BAD_EXPRESSION", "cannot be brought in by a reference"),
        ("1 + ${{inputs.n}}", "BAD_EXPRESSION", "cannot be brought in by a reference"),
        ("len(" + "[" * 80 + "]" * 80 + ")", "BAD_EXPRESSION", "nested deeper than 50"),
        ("'" + "x" * 5000 + "'", "BAD_EXPRESSION", "4096 bytes"),
        (5, "WRONG_TYPE", "expected a string"),
    ],
)
def test_what_is_refused_where_it_stands(
    registry: Registry, expression: Any, code: str, words: str
) -> None:
    (problem,) = problems(registry, expression)
    assert problem.path == pointer("", "steps", 2, "params", "expression")
    assert problem.code == code
    assert words in f"{problem.message} {problem.hint}"


def test_data_belongs_to_the_action_alone(registry: Registry) -> None:
    """Elsewhere there is no variable of this name."""
    step = {"id": "a", "action": "crypto.uuid", "condition": "data.x"}
    (problem,) = diagnose({"steps": [step]}, registry).problems
    assert problem.code == "BAD_EXPRESSION"
