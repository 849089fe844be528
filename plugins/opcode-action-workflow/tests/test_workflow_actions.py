"""workflow.emit, workflow.log and workflow.fail."""

from __future__ import annotations

from typing import Any

import opcode_action_workflow as plugin
import pydantic
import pytest
from opcode_action_workflow.emit import EmitParams, emit
from opcode_action_workflow.fail import FailParams, fail
from opcode_action_workflow.log import LogParams, log
from opcode_core import ENGINE_EVENTS, Action, Effect, WorkflowFailed


class Lines:
    """The log of a step, kept."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, Any]] = []

    def log(self, level: str, message: str, data: Any = None) -> None:
        self.written.append((level, message, data))


class Context:
    """Remembers what an action did with it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.log = Lines()

    def emit(self, event_type: str, payload: Any = None) -> None:
        self.events.append((event_type, payload))


def run_emit(**params: Any) -> list[tuple[str, Any]]:
    context = Context()
    output = emit.run(EmitParams.model_validate(params), context)
    assert output.model_dump(by_alias=True) == {"emitted": True}
    return context.events


def problems(model: Any, params: Any) -> list[tuple[tuple[Any, ...], str]]:
    with pytest.raises(pydantic.ValidationError) as caught:
        model.model_validate(params)
    return [(line["loc"], line["type"]) for line in caught.value.errors()]


@pytest.mark.parametrize("name", ["event_type", "event", "signal"])
@pytest.mark.parametrize("payload", ["payload", "data"])
def test_emit_takes_each_of_its_names(name: str, payload: str) -> None:
    value = {"id": 7, "odd key": [None]}
    assert run_emit(**{name: "order.paid", payload: value}) == [("order.paid", value)]


@pytest.mark.parametrize("value", [0, False, "", [], {}])
def test_emit_keeps_a_payload_that_is_empty(value: Any) -> None:
    assert run_emit(event="e", payload=value) == [("e", value)]
    assert run_emit(event="e", data=value) == [("e", value)]


def test_emit_without_a_payload_says_null() -> None:
    assert run_emit(event="order sent: naïve") == [("order sent: naïve", None)]


def test_emit_takes_null_as_not_given() -> None:
    assert run_emit(event_type=None, event="e", payload=None, data=1) == [("e", 1)]


def test_emit_without_a_name_is_missing_its_name_and_hides_nothing() -> None:
    assert problems(EmitParams, {"payload": 1}) == [(("event_type",), "missing")]
    assert sorted(problems(EmitParams, {"evnt": "x", "signal": None})) == [
        (("event_type",), "missing"),
        (("evnt",), "extra_forbidden"),
    ]


def test_emit_refuses_two_names_for_one_thing() -> None:
    assert problems(EmitParams, {"event_type": "a", "signal": "b", "payload": 1, "data": 2}) == [
        (("signal",), "given_twice"),
        (("data",), "given_twice"),
    ]


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\nb", "a\x1b[31m", "a\u202eb", "a\x00"])
@pytest.mark.parametrize("parameter", ["event_type", "event", "signal"])
def test_emit_refuses_names_that_are_none(parameter: str, name: str) -> None:
    assert problems(EmitParams, {parameter: name}) == [((parameter,), "value_error")]


def test_emit_takes_the_longest_name() -> None:
    assert run_emit(event="é" * 128) == [("é" * 128, None)]


@pytest.mark.parametrize("name", sorted(ENGINE_EVENTS))
def test_emit_cannot_forge_an_event_of_the_engine(name: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="event of the engine itself"):
        EmitParams.model_validate({"event": name})


@pytest.mark.parametrize("value", [5, True, ["a"], {"a": 1}])
def test_emit_refuses_a_name_of_another_type(value: Any) -> None:
    assert problems(EmitParams, {"event": value}) == [(("event",), "string_type")]


def test_the_schema_of_emit_says_that_a_name_is_needed() -> None:
    schema = EmitParams.model_json_schema()
    assert schema["additionalProperties"] is False
    assert schema["anyOf"] == [{"required": [name]} for name in ("event_type", "event", "signal")]


def test_log_writes_what_it_is_given() -> None:
    context = Context()
    output = log.run(LogParams(message="the cat\nis out", level="warn", data={"cat": 1}), context)
    log.run(LogParams(message=""), context)
    assert output.model_dump(by_alias=True) == {"logged": True}
    assert context.log.written == [("warn", "the cat\nis out", {"cat": 1}), ("info", "", None)]


@pytest.mark.parametrize(
    ("params", "location"),
    [
        ({}, ("message",)),
        ({"message": 5}, ("message",)),
        ({"message": "m", "level": "fatal"}, ("level",)),
        ({"message": "m", "level": None}, ("level",)),
        ({"message": "m", "lvl": "info"}, ("lvl",)),
    ],
)
def test_log_refuses_wrong_parameters(params: Any, location: tuple[str, ...]) -> None:
    assert [where for where, _ in problems(LogParams, params)] == [location]


def test_fail_ends_the_workflow_with_its_reason() -> None:
    with pytest.raises(WorkflowFailed) as caught:
        fail.run(FailParams(reason="budget of 12 used up"))
    assert caught.value.to_json() == {"code": "NON_RETRYABLE", "message": "budget of 12 used up"}


@pytest.mark.parametrize("reason", ["", " \n"])
def test_fail_ends_the_workflow_even_when_the_reason_is_empty(reason: str) -> None:
    with pytest.raises(WorkflowFailed, match="without a reason"):
        fail.run(FailParams(reason=reason))


@pytest.mark.parametrize("params", [{}, {"reason": None}, {"reason": 3}, {"reason": "x", "y": 1}])
def test_fail_refuses_wrong_parameters(params: Any) -> None:
    with pytest.raises(pydantic.ValidationError):
        FailParams.model_validate(params)


def test_the_plugin_registers_its_actions() -> None:
    registered: list[Action] = []
    plugin.opcode_register_actions(registered.append)
    names = {each.name.removeprefix("workflow."): each for each in registered}
    assert list(names) == ["run", "context", "emit", "log", "fail"]
    quick = [names["emit"], names["log"], names["fail"]]
    assert all(each.effect is Effect.PURE and each.in_place for each in quick)
    assert [name for name, each in names.items() if each.waits] == ["run"]
    assert not any(each.secrets for each in registered)
