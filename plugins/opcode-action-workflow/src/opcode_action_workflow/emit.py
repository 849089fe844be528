"""`workflow.emit`: an event of the workflow's own."""

from __future__ import annotations

from typing import Any, Literal

from opcode_core import ENGINE_EVENTS, ActionContext, Effect, Output, Params, action
from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

MAX_NAME = 128
"""How many characters the name of an event may have."""

_NAMES = ("event_type", "event", "signal")
_PAYLOADS = ("payload", "data")


class _Wrong:
    """Put in a parameter's place so that its own validator reports what the whole object showed.

    An error raised for the object as a whole would hide every other problem and point nowhere.
    """

    def __init__(self, error: PydanticKnownError | PydanticCustomError) -> None:
        self.error = error


class EmitParams(Params):
    """What `workflow.emit` takes."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [name]} for name in _NAMES]},
    )

    event_type: str | None = Field(
        default=None,
        description=f"The name of the event: 1 to {MAX_NAME} printable characters, none of the "
        "engine's own names. Required, here or as `event` or `signal`.",
    )
    event: str | None = Field(default=None, description="Another name of `event_type`.")
    signal: str | None = Field(default=None, description="Another name of `event_type`.")
    payload: Any = Field(default=None, description="What the event says; any JSON.")
    data: Any = Field(default=None, description="Another name of `payload`.")

    @model_validator(mode="before")
    @classmethod
    def _one_of_each(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        names = [name for name in _NAMES if values.get(name) is not None]
        payloads = [name for name in _PAYLOADS if values.get(name) is not None]
        wrong = {} if names else {"event_type": _Wrong(PydanticKnownError("missing"))}
        for first, *others in filter(None, (names, payloads)):
            wrong |= {other: _Wrong(_twice(other, first)) for other in others}
        return {**values, **wrong}

    @field_validator(*_NAMES, *_PAYLOADS, mode="before")
    @classmethod
    def _report(cls, value: Any) -> Any:
        if isinstance(value, _Wrong):
            raise value.error
        return value

    @field_validator(*_NAMES)
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is None:
            return None
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise ValueError(
                f"the name of an event has 1 to {MAX_NAME} printable characters and is not blank"
            )
        if name in ENGINE_EVENTS:
            raise ValueError(
                f"`{name}` is an event of the engine itself: choose a name of your own, "
                f"such as `my.{name}`"
            )
        return name


class EmitOutput(Output):
    """What `workflow.emit` gives."""

    emitted: Literal[True] = True


@action("workflow.emit", effect=Effect.PURE)
def emit(params: EmitParams, context: ActionContext) -> EmitOutput:
    """Put an event of the workflow's own into its log.

    The event can be queried with `opcode.query` (resource `events`). Its name is given as
    `event_type`, `event` or `signal`, what it says as `payload` or `data`. The names the engine
    itself uses are refused.
    """
    name = next(name for name in (params.event_type, params.event, params.signal) if name)
    context.emit(name, params.data if params.payload is None else params.payload)
    return EmitOutput()


def _twice(other: str, first: str) -> PydanticCustomError:
    return PydanticCustomError(
        "given_twice",
        "`{other}` and `{first}` are two names of one parameter: give one of them",
        {"other": other, "first": first},
    )
