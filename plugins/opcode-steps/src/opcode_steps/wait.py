"""`wait`: lets time pass, or waits for a signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opcode_core import (
    Field,
    Problem,
    StepContext,
    StepSource,
    StepType,
    Template,
    ValidationError,
    has_reference,
    parse_duration,
    pointer,
    type_name,
)

_FIELDS = {
    "duration": Field("any"),
    "signal": Field("string"),
    "timeout": Field("duration"),
}


class WaitStep(StepType):
    """Waits.

    Args:
        source: The step: `config` has `duration`, or `signal` and perhaps `timeout`.
    """

    name = "wait"
    config_fields = _FIELDS

    def __init__(self, source: StepSource) -> None:
        config = source.members(_FIELDS, "config")
        self._signal: str | None = config.get("signal")
        self._timeout: float | None = config.get("timeout")
        self._duration: Template | None = None
        at = pointer(source.pointer, "config")
        written = {"duration", "signal"} & set(_written(source))
        if len(written) == 2:  # noqa: PLR2004 - both
            message = "a wait has `duration` or `signal`, not both"
            source.report(Problem(pointer(at, "signal"), "INVALID_VALUE", message))
        elif not written:
            message = "a wait needs `duration`, or the name of a `signal`"
            source.report(Problem(pointer(at, "duration"), "MISSING_FIELD", message))
        if "timeout" in config and "duration" in config:
            message = "`timeout` is for a wait for a signal: a duration ends by itself"
            source.report(Problem(pointer(at, "timeout"), "INVALID_VALUE", message))
        if "duration" in config:
            self._duration = self._compiled(config["duration"], source)

    @staticmethod
    def _compiled(written: Any, source: StepSource) -> Template | None:
        at = pointer(source.pointer, "config", "duration")
        if not isinstance(written, str):
            hint = None
            if isinstance(written, int) and not isinstance(written, bool):
                hint = f'write it with its unit: "{written}s" or "{written}ms"'
            message = f"expected a duration such as `30s`, found {type_name(written)}"
            source.report(Problem(at, "BAD_DURATION", message, hint=hint))
            return None
        if not has_reference(written):
            try:
                parse_duration(written)
            except ValueError as error:
                source.report(Problem(at, "BAD_DURATION", str(error)))
                return None
        return source.template(written, "config", "duration", accepts=("string",))

    @property
    def output_schema(self) -> Mapping[str, Any]:
        """How long it was, or what the signal said."""
        properties: dict[str, Any] = {"waited": {"type": "integer"}}
        if self._signal is not None:
            properties = {"signal": {"type": "string"}, "payload": {"type": "object"}}
        return {"type": "object", "properties": properties, "additionalProperties": False}

    async def execute(self, step: StepContext) -> Any:
        """Wait."""
        if self._signal is not None:
            payload = await step.receive(self._signal, self._timeout)
            return {"signal": self._signal, "payload": payload}
        if self._duration is None:
            raise AssertionError("a step was run although its definition was refused")
        waited = await step.sleep(_seconds(await step.resolve(self._duration)))
        return {"waited": round(waited * 1000)}


def _written(source: StepSource) -> Mapping[str, Any]:
    config = source.raw.get("config")
    return config if isinstance(config, Mapping) else {}


def _seconds(value: Any) -> float:
    if not isinstance(value, str):
        raise ValidationError(
            f"the duration is {type_name(value)}: it must be a text with a unit, such as 300ms, 1.5s or 2h"
        )
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ValidationError(f"the duration cannot be used: {error}") from None
