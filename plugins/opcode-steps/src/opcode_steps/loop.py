"""`loop`: runs a list of steps for each item of a list, while a condition holds, or until one does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from opcode_core import (
    LOOP_COMPLETED,
    LOOP_ITER_COMPLETED,
    LOOP_ITER_STARTED,
    ExecutionError,
    Expression,
    Field,
    NestedSteps,
    Problem,
    StepContext,
    StepSource,
    StepType,
    Template,
    ValidationError,
    pointer,
    type_name,
)

from opcode_steps.items import compile_items

_MODES = ("for_each", "while", "until")
_FIELDS = {
    "mode": Field("string", required=True, choices=_MODES),
    "over": Field("any"),
    "condition": Field("any"),
    "body": Field("array", required=True),
    "max_iter": Field("integer", least=1),
    "concurrency": Field("integer", least=1),
}
_NEEDS = {"for_each": "over", "while": "condition", "until": "condition"}
_OTHERS = {"for_each": ("condition",), "while": ("over", "concurrency")}
_OTHERS["until"] = _OTHERS["while"]
_CAPS = {"for_each": "loop_items", "while": "loop_iterations", "until": "loop_iterations"}


class LoopStep(StepType):
    """Runs its body again and again.

    Args:
        source: The step: `config` has `mode`, `body`, what the mode needs (`over` or `condition`), and perhaps
            `max_iter` and, for `for_each`, `concurrency`.
    """

    name = "loop"
    config_fields = _FIELDS

    def __init__(self, source: StepSource) -> None:
        config = source.members(_FIELDS, "config")
        self._mode: str = config.get("mode", "for_each")
        self._cap: int = config.get("max_iter", source.limit(_CAPS[self._mode]))
        self._at_once: int = config.get("concurrency", 1)
        self._items: Template | Expression | list[Any] | None = None
        self._condition: Expression | None = None
        if "mode" in config:
            self._check_mode(source, config)
        if "over" in config and self._mode == "for_each":
            self._items = compile_items(config["over"], source)
        if "condition" in config and self._mode != "for_each":
            self._condition = source.expression(
                config["condition"], "config", "condition", in_loop=True
            )
        if self._items == [] and "body" in config:
            at = pointer(source.pointer, "config", "body")
            message = "the body is never reached: there is nothing to go over"
            source.report(Problem(at, "INVALID_VALUE", message, severity="warning"))
        self._body = None
        if "body" in config:
            self._body = source.steps(config["body"], "config", "body", in_loop=True)

    def _check_mode(self, source: StepSource, config: Mapping[str, Any]) -> None:
        at = pointer(source.pointer, "config")
        needed = _NEEDS[self._mode]
        if needed not in config:
            message = f"a loop of mode `{self._mode}` needs `{needed}`"
            source.report(Problem(pointer(at, needed), "MISSING_FIELD", message))
        for name in _OTHERS[self._mode]:
            if name in config:
                message = f"a loop of mode `{self._mode}` has no `{name}`"
                source.report(Problem(pointer(at, name), "UNKNOWN_FIELD", message))

    @property
    def output_schema(self) -> Mapping[str, Any]:
        """How many iterations there were, and what the last step of each gave."""
        return {
            "type": "object",
            "properties": {
                "iterations": {"type": "integer"},
                "results": {"type": "array"},
                "truncated": {"const": True},
            },
            "additionalProperties": False,
        }

    @property
    def nested(self) -> Sequence[NestedSteps]:
        """The body."""
        return () if self._body is None else (self._body,)

    async def execute(self, step: StepContext) -> Any:
        """Run the body as often as the mode says."""
        if self._mode == "for_each":
            results, truncated = await self._for_each(step)
        else:
            results, truncated = await self._by_condition(step)
        output: dict[str, Any] = {"iterations": len(results), "results": results}
        if truncated:
            output["truncated"] = True
        step.mark(LOOP_COMPLETED, "over", iterations=len(results), truncated=truncated)
        return output

    async def _for_each(self, step: StepContext) -> tuple[list[Any], bool]:
        items = self._items
        if not isinstance(items, list):
            items = await step.once("items", partial(self._evaluated, step))
        shown = items[: self._cap]
        sources = frozenset[str]()
        if self._items is not None and not isinstance(self._items, list):
            sources = step.sources_of(self._items)
        if self._at_once > 1:
            works = [
                partial(self._iteration, step, index, item, None, sources)
                for index, item in enumerate(shown)
            ]
            return await step.side_by_side(works, self._at_once), len(items) > self._cap
        results: list[Any] = []
        last = None
        for index, item in enumerate(shown):
            last = await self._iteration(step, index, item, last, sources)
            results.append(last)
        return results, len(items) > self._cap

    async def _evaluated(self, step: StepContext) -> list[Any]:
        if isinstance(self._items, Expression):
            value = await step.evaluate(self._items)
        elif self._items is None or isinstance(self._items, list):
            raise AssertionError("a step was run although its definition was refused")
        else:
            value = await step.resolve(self._items)
        if not isinstance(value, list):
            raise ValidationError(
                f"`over` gave {type_name(value)} where it must give an array of items"
            )
        return value

    async def _by_condition(self, step: StepContext) -> tuple[list[Any], bool]:
        """Evaluate the condition before each iteration that has not begun yet, or after the one that has just ended."""
        results: list[Any] = []
        last = None
        while True:
            index = len(results)
            if not step.recorded(f"iter_{index}"):
                if self._mode == "while" and not await self._holds(step, index, last):
                    return results, False
                if self._mode == "until" and results and await self._holds(step, index - 1, last):
                    return results, False
                if index >= self._cap:
                    return results, True
            last = await self._iteration(step, index, None, last)
            results.append(last)

    async def _holds(self, step: StepContext, index: int, last: Any) -> bool:
        if self._condition is None:
            raise AssertionError("a step was run although its definition was refused")
        value = await step.evaluate(self._condition, {"item": None, "index": index, "last": last})
        if not isinstance(value, bool):
            raise ExecutionError(
                f"the condition gave {type_name(value)} where it must give true or false"
            )
        return value

    async def _iteration(
        self,
        step: StepContext,
        index: int,
        item: Any,
        last: Any,
        sources: frozenset[str] = frozenset(),
    ) -> Any:
        if self._body is None:
            raise AssertionError("a step was run although its definition was refused")
        name = f"iter_{index}"
        step.mark(LOOP_ITER_STARTED, name, index=index)
        output = await step.run_nested(
            self._body, name, {"item": item, "index": index, "last": last}, sources
        )
        step.mark(LOOP_ITER_COMPLETED, f"{name}.over", index=index)
        return output
