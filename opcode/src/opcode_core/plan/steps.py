"""The steps of a definition: members that every step has, ids, types; then each is compiled by its type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from opcode_core.expressions import Expression
from opcode_core.jsonio import type_name
from opcode_core.logs import logger
from opcode_core.model.definition import PlannedStep, RetryPolicy, StepList, Strategy
from opcode_core.model.problems import pointer
from opcode_core.plan.fields import Field, check_member, check_object
from opcode_core.plan.order import Order, RawStep, order_steps
from opcode_core.plan.problems import Problems
from opcode_core.plan.references import References
from opcode_core.plan.source import DefinedStep
from opcode_core.plan.visibility import Place
from opcode_core.plugins.registry import Registry
from opcode_core.steps import StepType

MAX_STEPS = 10_000
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_COMMON = {
    "id": Field("string", required=True),
    "type": Field("string"),
    "depends_on": Field("array"),
    "condition": Field("any"),
    "timeout": Field("duration"),
    "retry": Field("object"),
    "on_error": Field("object"),
    "on_interrupt": Field("string", choices=("suspend", "retry", "fail")),
}
_OWN = {"action": Field("string"), "params": Field("object"), "config": Field("object")}
_RETRY = {
    "max": Field("integer", required=True, least=0, warn_above=10),
    "backoff": Field("string", choices=("none", "constant", "linear", "exponential")),
    "delay": Field("duration"),
    "max_delay": Field("duration"),
    "jitter": Field("boolean"),
}
_ON_ERROR = {
    "strategy": Field(
        "string", required=True, choices=("ignore", "fail_workflow", "fallback_step", "retry")
    ),
    "fallback_step": Field("string"),
}


class StepCompiler:
    """Checks and compiles lists of steps; one for each definition.

    Args:
        registry: Step types and actions.
        references: Compiles values and expressions.
        problems: Where problems go.
        unavailable: Reports members this version knows but cannot carry out.
    """

    def __init__(
        self,
        registry: Registry,
        references: References,
        problems: Problems,
        unavailable: Callable[[Mapping[str, Any], str], None],
    ) -> None:
        self._registry = registry
        self._references = references
        self._problems = problems
        self._unavailable = unavailable
        self._count = 0

    def compile(self, value: Any, at: str, place: Callable[[RawStep, Order], Place]) -> StepList:
        """Check and compile a list of steps.

        Args:
            value: The steps as written.
            at: Where the list stands, as a JSON Pointer.
            place: What one of the steps may refer to.
        """
        raw_steps = self._check(value, at)
        order = order_steps(raw_steps, self._problems)
        planned = {}
        for step in raw_steps:
            compiled = self._step(step, place(step, order))
            if compiled is not None and step.usable:
                planned[step.id] = compiled
        if self._problems.refused:
            return StepList({}, (), {}, ())
        levels = tuple(tuple(planned[step_id] for step_id in level) for level in order.levels)
        return StepList(planned, levels, order.fallbacks, order.last)

    def _check(self, value: list[Any], at: str) -> list[RawStep]:
        self._count += len(value)
        if self._count > MAX_STEPS:
            self._problems.add(
                at, "LIMIT_EXCEEDED", f"{self._count} steps are too many: at most {MAX_STEPS}"
            )
            return []
        steps: list[RawStep] = []
        seen: dict[str, str] = {}
        for index, raw in enumerate(value):
            step_at = pointer(at, index)
            if not isinstance(raw, Mapping):
                self._problems.add(
                    step_at,
                    "WRONG_TYPE",
                    f"expected a step, which is an object, found {type_name(raw)}",
                )
                continue
            fields = {**_COMMON, **_OWN}
            good = check_object(raw, fields, step_at, self._problems)
            self._check_policies(good, step_at)
            self._unavailable(raw, step_at)
            step_id = good.get("id")
            usable = step_id is not None and self._check_id(step_id, step_at, seen)
            steps.append(
                RawStep(step_id if usable and step_id else f"?{index}", step_at, raw, good, usable)
            )
        return steps

    def _check_id(self, step_id: str, at: str, seen: dict[str, str]) -> bool:
        path = pointer(at, "id")
        if not _ID.fullmatch(step_id):
            self._problems.add(
                path,
                "INVALID_ID",
                f"{step_id!r} is no id" if step_id else "the id is empty",
                hint="begin with a letter or `_`, go on with letters, digits, `_` and `-`",
            )
            return False
        if step_id in seen:
            self._problems.add(
                path, "DUPLICATE_ID", f"the id `{step_id}` is taken by {seen[step_id]}"
            )
            return False
        seen[step_id] = at
        return True

    def _check_policies(self, good: dict[str, Any], at: str) -> None:
        if "retry" in good:
            good["retry"] = check_object(
                good["retry"], _RETRY, pointer(at, "retry"), self._problems
            )
        if "on_error" in good:
            good["on_error"] = check_object(
                good["on_error"], _ON_ERROR, pointer(at, "on_error"), self._problems
            )

    def _step(self, step: RawStep, place: Place) -> PlannedStep | None:
        kind = self._step_type(step)
        guard = self._guard(step, place)
        if kind is None:
            return None
        self._check_own_fields(step, kind)
        source = DefinedStep(step, place, self._registry, self._references, self._problems)
        try:
            compiled = kind(source)
        except Exception as error:  # noqa: BLE001 - a plugin's own fault is a problem like any other
            logger.warning(
                "a step type failed on a step", exc_info=error, extra={"data": {"type": kind.name}}
            )
            message = f"the step type `{kind.name}` failed on it ({type(error).__name__}): see the server's log"
            self._problems.add(step.at, "INVALID_VALUE", message)
            return None
        handler = step.good.get("on_error", {})
        return PlannedStep(
            id=step.id,
            full_id=step.id,
            type=compiled,
            type_name=kind.name,
            action=step.good.get("action"),
            depends_on=tuple(step.depends_on),
            guard=guard,
            timeout=step.good.get("timeout"),
            retry=_retry_policy(step.good),
            strategy=cast("Strategy | None", handler.get("strategy")),
            fallback=step.fallback,
        )

    def _step_type(self, step: RawStep) -> type[StepType] | None:
        if "type" in step.raw and "type" not in step.good:
            return None
        name = step.good.get("type", "action")
        kind = self._registry.step_types.get(name)
        if kind is None:
            known = sorted(self._registry.step_types)
            self._problems.not_one_of(pointer(step.at, "type"), name, known, "UNKNOWN_STEP_TYPE")
        return kind

    def _guard(self, step: RawStep, place: Place) -> Expression | None:
        if "condition" not in step.good:
            return None
        at = pointer(step.at, "condition")
        written = step.good["condition"]
        engine, source = "cel", written
        if isinstance(written, Mapping) and len(written) == 1:
            engine, source = next(iter(written.items()))
            at = pointer(at, engine)
        if not check_member(source, Field("string"), at, self._problems):
            return None
        return self._references.expression(source, at, place, engine)

    def _check_own_fields(self, step: RawStep, kind: type[StepType]) -> None:
        for name in _OWN:
            if name in step.raw and name not in kind.fields:
                self._problems.add(
                    pointer(step.at, name),
                    "UNKNOWN_FIELD",
                    f"a step of type `{kind.name}` has no `{name}`",
                )


def _retry_policy(good: Mapping[str, Any]) -> RetryPolicy | None:
    policy = good.get("retry")
    if policy is not None and "max" in policy:
        return RetryPolicy(**policy)
    if good.get("on_error", {}).get("strategy") == "retry":
        return RetryPolicy(max=3)
    return None
