"""`reasoning`: hands a decision back to an agent or a person, and waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opcode_core import (
    NAMESPACES,
    Field,
    Problem,
    Question,
    StepContext,
    StepSource,
    StepType,
    Template,
    compact_json,
    format_duration,
    listing,
    nearest,
    parse_path,
    pointer,
)

_FIELDS = {
    "prompt_context": Field("string", required=True),
    "options": Field("array"),
    "data_inject": Field("any"),
    "timeout": Field("duration"),
    "fallback": Field("string"),
    "target_agent": Field("string"),
}
_OPTION = {"id": Field("string", required=True), "description": Field("string")}


class ReasoningStep(StepType):
    """Asks for a decision.

    Args:
        source: The step: `config` has `prompt_context`, and perhaps `options`, `data_inject`, `timeout`, `fallback` and
            `target_agent`.
    """

    name = "reasoning"
    config_fields = _FIELDS

    def __init__(self, source: StepSource) -> None:
        config = source.members(_FIELDS, "config")
        self._prompt = source.template(config.get("prompt_context", ""), "config", "prompt_context")
        self._options = self._read_options(config.get("options", []), source)
        self._timeout: float | None = config.get("timeout")
        self._fallback: str | None = config.get("fallback")
        self._target: str | None = config.get("target_agent")
        self._check_fallback(source)
        self._check_deadline(source)
        self._data = _injected(config.get("data_inject"), source)

    @staticmethod
    def _read_options(options: list[Any], source: StepSource) -> list[tuple[str, Template | None]]:
        read: list[tuple[str, Template | None]] = []
        seen: dict[str, str] = {}
        for index in range(len(options)):
            path = ("config", "options", index)
            if isinstance(options[index], str):
                _report_text(options[index], pointer(source.pointer, *path), source)
                continue
            option = source.members(_OPTION, *path)
            at = pointer(source.pointer, *path, "id")
            option_id = option.get("id")
            if option_id is None:
                continue
            if not option_id:
                source.report(Problem(at, "INVALID_ID", "the id of an option is empty"))
            elif option_id in seen:
                message = f"the id `{option_id}` is taken by {seen[option_id]}"
                source.report(Problem(at, "DUPLICATE_ID", message))
            seen.setdefault(option_id, at.removesuffix("/id"))
            description = option.get("description")
            template = None
            if description is not None:
                template = source.template(description, *path, "description")
            read.append((option_id, template))
        return read

    def _check_fallback(self, source: StepSource) -> None:
        if self._fallback is None:
            return
        at = pointer(source.pointer, "config", "fallback")
        names = [option_id for option_id, _ in self._options]
        if not self._fallback:
            source.report(Problem(at, "INVALID_VALUE", "the fallback is empty"))
        elif names and self._fallback not in names:
            message = f"`{self._fallback}` is none of the options"
            meant = nearest(self._fallback, names)
            hint = f"did you mean `{meant}`?" if meant else f"there are {listing(names)}"
            fix = ({"op": "replace", "path": at, "value": meant},) if meant else None
            source.report(Problem(at, "INVALID_VALUE", message, hint=hint, fix=fix))
        elif self._timeout is None:
            message = "the fallback is never chosen: without `timeout` the decision waits for ever"
            source.report(Problem(at, "INVALID_VALUE", message, severity="warning"))

    def _check_deadline(self, source: StepSource) -> None:
        most = source.workflow_timeout
        if self._timeout is None or most is None or self._timeout <= most:
            return
        at = pointer(source.pointer, "config", "timeout")
        message = (
            f"the decision may take {format_duration(self._timeout)}, but the whole workflow has "
            f"a `timeout` of {format_duration(most)}"
        )
        source.report(Problem(at, "INVALID_VALUE", message, severity="warning"))

    @property
    def timeout(self) -> float | None:
        """Seconds until it decides itself; None for never."""
        return self._timeout

    @property
    def output_schema(self) -> Mapping[str, Any]:
        """What was decided, why, and by whom."""
        return {
            "type": "object",
            "properties": {
                "choice": {"type": "string"},
                "reasoning": {"type": "string"},
                "data": {},
                "resolved_by": {"type": "string"},
            },
            "additionalProperties": False,
        }

    async def execute(self, step: StepContext) -> Any:
        """Ask, wait, and give the answer."""

        async def ask() -> Question:
            options = []
            for option_id, description in self._options:
                option = {"id": option_id}
                if description is not None:
                    option["description"] = await step.resolve(description)
                options.append(option)
            return Question(
                prompt=await step.resolve(self._prompt),
                data=None if self._data is None else await step.resolve(self._data),
                options=options,
                timeout=self._timeout,
                fallback=self._fallback,
                target_agent=self._target,
            )

        return await step.decide(ask)


def _report_text(option: str, at: str, source: StepSource) -> None:
    option_id = {"id": option}
    fix = {"op": "replace", "path": at, "value": option_id}
    message = "expected an option, which is an object, found string"
    hint = f"write {compact_json(option_id)}"
    source.report(Problem(at, "WRONG_TYPE", message, hint=hint, fix=(fix,)))


def _injected(value: Any, source: StepSource) -> Template | None:
    """Compile `data_inject`: a text that is a path is read, one with references filled in, the rest stays as it is."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        value = {name: _as_reference(member) for name, member in value.items()}
    return source.template(_as_reference(value), "config", "data_inject")


def _as_reference(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    path = parse_path(value.strip())
    if path is None or len(path) == 1 or path[0] not in NAMESPACES:
        return value
    return f"${{{{{value.strip()}}}}}"
