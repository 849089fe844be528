"""The steps of a definition: members that every step has, ids, types; then each is compiled by its type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from opcode_core.expressions import Expression
from opcode_core.fields import Field
from opcode_core.jsonio import type_name
from opcode_core.logs import logger
from opcode_core.model.definition import PlannedStep, RetryPolicy, StepList, Strategy
from opcode_core.model.problems import pointer
from opcode_core.plan.fields import check_member, check_object
from opcode_core.plan.order import Order, RawStep, order_steps, outward_fallbacks
from opcode_core.plan.problems import Problems
from opcode_core.plan.references import References
from opcode_core.plan.settled import SettledBefore
from opcode_core.plan.source import DefinedStep
from opcode_core.plan.visibility import Nested, Place
from opcode_core.plugins.registry import Registry
from opcode_core.steps import StepType

MAX_STEPS = 10_000
MAX_NESTING = 16
"""How deep steps may be nested in steps."""
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
    """

    def __init__(self, registry: Registry, references: References, problems: Problems) -> None:
        self._registry = registry
        self._references = references
        self._problems = problems
        self._count = 0

    def compile(self, value: list[Any], at: str, around: Place) -> StepList:
        """Check and compile the steps of the definition.

        Args:
            value: The steps as written.
            at: Where the list stands, as a JSON Pointer.
            around: What any of them may refer to.
        """
        raw_steps = self._check(value, at)
        ids = step_ids(value)
        order = order_steps(raw_steps, self._problems)
        return self._compiled(
            raw_steps,
            order,
            lambda step: replace(around, steps=SettledBefore(step, ids, order), outer_ids=(ids,)),
        )

    def nested(self, value: Any, at: str, around: Place, *, in_loop: bool) -> StepList | None:
        """Check and compile a list of nested steps.

        Args:
            value: What stands where the list should be.
            at: Where it stands, as a JSON Pointer.
            around: What the step around them may refer to.
            in_loop: Whether that step is a loop of which they are the body.

        Returns:
            None when something is wrong, which is reported.
        """
        if not check_member(value, Field("array"), at, self._problems):
            return None
        if not value:
            self._problems.add(at, "INVALID_VALUE", "there is no step in this list: at least one")
            return None
        if around.depth >= MAX_NESTING:
            message = f"steps are nested deeper than {MAX_NESTING}: call another template instead"
            self._problems.add(at, "LIMIT_EXCEEDED", message)
            return None
        raw_steps = self._check(value, at)
        ids = step_ids(value)
        order = order_steps(raw_steps, self._problems, in_sequence=True, outer=around.outer_ids)
        place = replace(
            around,
            loops=around.loops + in_loop,
            depth=around.depth + 1,
            outer_ids=(ids, *around.outer_ids),
        )
        return self._compiled(
            raw_steps,
            order,
            lambda step: replace(
                place, steps=Nested(SettledBefore(step, ids, order), around.steps)
            ),
        )

    def hook(self, value: Mapping[str, Any], name: str, around: Place) -> StepList | None:
        """Check and compile a step that runs when all others are over; its id defaults to its name.

        Returns:
            A list of this one step; None when something is wrong, which is reported.
        """
        at = pointer("", name)
        step = self._check_step(value, at, {}, name)
        order = order_steps([step], self._problems)
        if step.id in around.outer_ids[0]:
            self._problems.add(
                pointer(at, "id"), "DUPLICATE_ID", f"the id `{step.id}` is taken by a step"
            )
        return self._compiled([step], order, lambda _: around)

    def _compiled(
        self, raw_steps: list[RawStep], order: Order, place: Callable[[RawStep], Place]
    ) -> StepList:
        planned = {}
        for step in raw_steps:
            compiled = self._step(step, place(step))
            if compiled is not None and step.usable:
                planned[step.id] = compiled
        if self._problems.refused:
            return StepList({}, (), {}, ())
        levels = tuple(tuple(planned[step_id] for step_id in level) for level in order.levels)
        waits = {step_id: tuple(targets) for step_id, targets in order.waits.items()}
        return StepList(planned, levels, order.fallbacks, order.last, order.spares, waits)

    def _check(self, value: list[Any], at: str) -> list[RawStep]:
        before, self._count = self._count, self._count + len(value)
        if self._count > MAX_STEPS:
            if before <= MAX_STEPS:
                message = f"{self._count} steps are too many: at most {MAX_STEPS}"
                self._problems.add(at, "LIMIT_EXCEEDED", message)
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
            steps.append(self._check_step(raw, step_at, seen))
        return steps

    def _check_step(
        self, raw: Mapping[str, Any], at: str, seen: dict[str, str], default_id: str | None = None
    ) -> RawStep:
        fields = {**_COMMON, **_OWN}
        if default_id is not None:
            fields["id"] = Field("string")
        good = check_object(raw, fields, at, self._problems)
        self._check_policies(good, at)
        step_id = good.get("id", default_id if "id" not in raw else None)
        usable = step_id is not None and self._check_id(step_id, at, seen)
        name = step_id if usable and step_id else f"?{at}"
        outward = outward_fallbacks(raw.get("config"))
        return RawStep(name, at, raw, good, usable, outward)

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
        source = DefinedStep(
            step, place, self._registry, self._references, self._problems, self.nested
        )
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
            type=compiled,
            type_name=kind.name,
            action=step.good.get("action"),
            depends_on=tuple(step.depends_on),
            guard=guard,
            timeout=step.good.get("timeout"),
            retry=_retry_policy(step.good),
            strategy=cast("Strategy | None", handler.get("strategy")),
            fallback=step.fallback,
            on_interrupt=step.good.get("on_interrupt"),
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
        return self._references.expression(step.good["condition"], at, place)

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


def step_ids(steps: list[Any]) -> frozenset[str]:
    """The ids of steps as written, as far as they are texts."""
    return frozenset(
        step["id"]
        for step in steps
        if isinstance(step, Mapping) and isinstance(step.get("id"), str)
    )
