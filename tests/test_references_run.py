"""References through the whole product: input, step, store, and back out of a database opened anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from opcode_core import Effect, Params, action
from opcode_core.model.requests import DefineRequest, RunRequest, StatusRequest
from opcode_core.opening import open_service
from opcode_core.plugins.registry import Contribution, Registry
from opcode_core.service import Service
from opcode_core.settings import Settings
from opcode_steps.action import ActionStep
from pydantic import Field

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["${{inputs.v}}", "$${{", '"}', "\x00", "{{", "\u2028", "</script>"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


class AnyParams(Params):
    """One value of any kind."""

    value: Any


class TextParams(Params):
    """Values that must be texts."""

    text: str = ""
    texts: dict[str, str] = Field(default={})


@action("test.echo", effect=Effect.PURE)
def echo(params: AnyParams) -> Any:
    """Give back what was given."""
    return {"value": params.value}


@action("test.raw", effect=Effect.PURE)
async def raw(params: AnyParams) -> Any:
    """Give back what was given, as the whole output, and not in place."""
    return params.value


@action("test.texts", effect=Effect.PURE)
def texts(params: TextParams) -> Any:
    """Give back texts."""
    return {"text": params.text, "texts": params.texts}


@action("test.spoil", effect=Effect.PURE)
def spoil(params: AnyParams) -> Any:
    """Change what was given, as a careless author might."""
    params.value.clear()
    return None


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def registry() -> Registry:
    made = Registry()
    made.take(Contribution("test", [echo, raw, texts, spoil], [ActionStep]))
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(db_path=tmp_path / "o.db", durability="normal")


@pytest.fixture
async def service(settings: Settings, registry: Registry) -> AsyncIterator[Service]:
    async with open_service(settings, registry=registry) as opened:
        yield opened


def step(step_id: str, name: str, *depends_on: str, **params: Any) -> dict[str, Any]:
    return {"id": step_id, "action": name, "depends_on": list(depends_on), "params": params}


async def run(service: Service, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    params = more.pop("params", None)
    await service.define(DefineRequest("t", {"steps": list(steps), **more}, "agent"))
    return await service.run(RunRequest("t", "agent", params=params, wait_ms=30_000))


def same(left: Any, right: Any) -> bool:
    """Equality that tells 1 from 1.0 and true, at any depth."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


THROUGH = [
    step("first", "test.echo", value="${{inputs.v}}"),
    step("second", "test.raw", "first", value="${{steps.first.output.value}}"),
    step("third", "test.echo", "second", value={"deep": ["${{steps.second.output}}"]}),
    step("text", "test.echo", "first", value="<${{steps.first.value}}>"),
]


@pytest.mark.anyio
async def test_any_value_goes_through_inputs_steps_and_the_store_unchanged(
    settings: Settings, registry: Registry
) -> None:
    answers: dict[str, tuple[Any, Any]] = {}
    async with open_service(settings, registry=registry) as service:
        output = {
            "first": "${{steps.first.output.value}}",
            "third": "${{steps.third.output.value}}",
        }
        definition = {"steps": THROUGH, "output": output}
        await service.define(DefineRequest("through", definition, "agent"))
        for value in examples():
            request = RunRequest("through", "agent", params={"v": value}, wait_ms=30_000)
            answer = await service.run(request)
            assert answer["status"] == "completed", answer
            answers[answer["workflow_id"]] = (value, answer)
    async with open_service(settings, registry=registry) as reopened:
        for workflow_id, (value, answer) in answers.items():
            stored = await reopened.status(StatusRequest(workflow_id))
            assert same({**stored, "context": None}, {**answer, "context": None})
            assert same(stored["output"], {"first": value, "third": {"deep": [value]}})
            assert same(stored["steps"]["second"].get("output"), value)
            if isinstance(value, str):
                assert stored["steps"]["text"]["output"]["value"] == f"<{value}>"


def examples() -> list[Any]:
    """Many values of every kind, drawn once."""
    drawn: list[Any] = []

    @hypothesis_settings(
        database=None, deadline=None, max_examples=150, suppress_health_check=list(HealthCheck)
    )
    @given(JSON)
    def draw(value: Any) -> None:
        drawn.append(value)

    draw()
    return drawn


@pytest.mark.anyio
@pytest.mark.parametrize("value", [12345678, 1e7, 2**63 - 1, True, 2.0, 1e21])
async def test_a_number_becomes_text_where_text_is_wanted(service: Service, value: Any) -> None:
    answer = await run(
        service,
        step("a", "test.texts", text="${{inputs.v}}", texts={"k": "${{inputs.v}}"}),
        step("b", "test.texts", text="${{inputs.v}}!", texts="${{inputs.map}}"),
        params={"v": value, "map": {"k": value}},
    )
    assert answer["status"] == "completed", answer
    shown = answer["steps"]["b"]["output"]["text"].removesuffix("!")
    assert answer["steps"]["a"]["output"] == {"text": shown, "texts": {"k": shown}}
    assert answer["steps"]["b"]["output"]["texts"] == {"k": shown}


@pytest.mark.anyio
@pytest.mark.parametrize("value", [None, [], {}, ["a"]])
async def test_nothing_else_becomes_text(service: Service, value: Any) -> None:
    answer = await run(service, step("a", "test.texts", text="${{inputs.v}}"), params={"v": value})
    assert answer["error"]["code"] == "VALIDATION_ERROR"
    assert answer["error"]["details"]["issues"][0]["path"] == "/text"


@pytest.mark.anyio
async def test_becoming_text_in_one_step_changes_nothing_for_the_others(service: Service) -> None:
    answer = await run(
        service,
        step("a", "test.echo", value={"n": 1}),
        step("b", "test.texts", "a", texts="${{steps.a.output.value}}"),
        step("c", "test.echo", "a", "b", value="${{steps.a.output.value.n}}"),
    )
    assert answer["steps"]["b"]["output"]["texts"] == {"n": "1"}
    assert same(answer["steps"]["c"]["output"]["value"], 1)
    assert same(answer["steps"]["a"]["output"], {"value": {"n": 1}})


@pytest.mark.anyio
async def test_an_action_that_changes_its_parameters_changes_nothing_for_the_others(
    service: Service,
) -> None:
    answer = await run(
        service,
        step("a", "test.echo", value={"n": [1]}),
        step("b", "test.spoil", "a", value="${{steps.a.output.value}}"),
        step("c", "test.echo", "a", "b", value="${{steps.a.output.value}}"),
        step("d", "test.spoil", "b", value="${{inputs.list}}"),
        step("e", "test.echo", "d", value="${{inputs.list}}"),
        params={"list": [1, 2]},
    )
    assert answer["steps"]["c"]["output"] == {"value": {"n": [1]}}
    assert answer["steps"]["a"]["output"] == {"value": {"n": [1]}}
    assert answer["steps"]["e"]["output"] == {"value": [1, 2]}


@pytest.mark.anyio
async def test_hostile_values_stay_data_in_every_namespace(service: Service) -> None:
    hostile = {'"}, {"': "${{inputs.other}}", "${{x}}": ["$${{", "}}", "'\"\\\n\x00"]}
    value = {"in": "${{inputs.h}}", "ctx": "${{context.h}}", "list": ["a", "${{context.h}}", "b"]}
    answer = await run(
        service,
        step("a", "test.echo", value=value),
        step("b", "test.echo", "a", value=["${{steps.a.output.value}}", "-${{steps.a.value.in}}-"]),
        params={"h": hostile, "other": "must not appear"},
        context={"h": hostile},
    )
    whole = {"in": hostile, "ctx": hostile, "list": ["a", hostile, "b"]}
    assert answer["steps"]["a"]["output"] == {"value": whole}
    assert answer["steps"]["b"]["output"]["value"][0] == whole
    assert "must not appear" not in str(answer)


@pytest.mark.anyio
async def test_the_view_of_a_step(service: Service) -> None:
    fields = {"output": "own", "status": "own", "error": "own", "body": {"x": 1}}
    paths = ["status", "error", "body.x", "output.status", "output"]
    answer = await run(
        service,
        step("a", "test.raw", value=fields),
        step("b", "test.echo", "a", value=[f"${{{{steps.a.{path}}}}}" for path in paths]),
    )
    assert answer["steps"]["b"]["output"]["value"] == ["completed", None, 1, "own", fields]


@pytest.mark.anyio
async def test_the_workflow_can_be_read(service: Service) -> None:
    names = ["run_id", "name", "template_name", "template_version", "agent_id", "status"]
    answer = await run(
        service,
        step("a", "test.echo", value={name: f"${{{{workflow.{name}}}}}" for name in names}),
        metadata={"name": "Shown"},
        output="${{workflow.status}}",
    )
    seen = answer["steps"]["a"]["output"]["value"]
    assert seen["run_id"] == answer["workflow_id"]
    assert (seen["name"], seen["agent_id"], seen["status"]) == ("Shown", "agent", "active")
    assert answer["output"] == "completed"


@pytest.mark.anyio
async def test_inputs_are_defaults_that_params_replace_and_do_not_evaluate(
    service: Service,
) -> None:
    inputs = {"a": "${{context.x}}", "b": "${{context.nowhere}}", "c": [1], "d": 4}
    answer = await run(
        service,
        step("s", "test.echo", value="${{inputs}}"),
        inputs=inputs,
        context={"x": {"y": 1}},
        params={"b": "${{context.x}}", "d": None, "e": "new"},
    )
    assert answer["steps"]["s"]["output"]["value"] == {
        "a": {"y": 1},
        "b": "${{context.x}}",
        "c": [1],
        "d": None,
        "e": "new",
    }


@pytest.mark.anyio
async def test_a_missing_path_fails_the_step_and_is_not_retried(service: Service) -> None:
    failing = {**step("a", "test.echo", value="${{inputs.user.nmae}}"), "retry": {"max": 3}}
    answer = await run(service, failing, params={"user": {"name": "ann"}})
    assert answer["status"] == "failed"
    assert answer["error"]["code"] == "INTERPOLATION_ERROR"
    assert answer["error"]["step_id"] == "a"
    assert "did you mean `name`?" in answer["error"]["message"]
    assert answer["steps"]["a"]["attempts"] == 1


@pytest.mark.anyio
async def test_an_output_that_leads_nowhere_fails_the_workflow(service: Service) -> None:
    answer = await run(service, step("a", "test.echo", value=1), output="${{steps.a.output.x}}")
    assert (answer["status"], answer["error"]["code"]) == ("failed", "INTERPOLATION_ERROR")
    assert answer["steps"]["a"]["status"] == "completed"
