"""The steps of a definition, each compiled by its type; lists of nested steps, and hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from opcode_core.expressions import Expression
from opcode_core.fields import Field
from opcode_core.logs import logger
from opcode_core.model.definition import PlannedStep, RetryPolicy, StepList, Strategy
from opcode_core.model.problems import pointer
from opcode_core.plan.fields import check_member
from opcode_core.plan.members import OWN, StepMembers, step_ids
from opcode_core.plan.misplaced import report_foreign
from opcode_core.plan.order import Order, order_steps
from opcode_core.plan.outputs import DeclaredOutputs
from opcode_core.plan.problems import Problems
from opcode_core.plan.raw import RawStep
from opcode_core.plan.reach import warn_unreached
from opcode_core.plan.references import References
from opcode_core.plan.settled import SettledBefore
from opcode_core.plan.source import DefinedStep
from opcode_core.plan.visibility import Nested, Place
from opcode_core.plugins.registry import Registry
from opcode_core.steps import StepType


class StepCompiler:
    """Checks and compiles lists of steps; one for each definition.

    Args:
        registry: Step types and actions.
        references: Compiles values and expressions.
        problems: Where problems go.
        timeout: Seconds the workflow may take; None for no limit.
    """

    def __init__(
        self,
        registry: Registry,
        references: References,
        problems: Problems,
        timeout: float | None = None,
    ) -> None:
        self._timeout = timeout
        self._registry = registry
        self._references = references
        self._problems = problems
        self._members = StepMembers(registry, problems, registry.limits.steps)

    def compile(
        self, value: list[Any], at: str, around: Place, outputs: DeclaredOutputs
    ) -> StepList:
        """Check and compile the steps of the definition.

        Args:
            value: The steps as written.
            at: Where the list stands, as a JSON Pointer.
            around: What any of them may refer to.
            outputs: Takes in what they declare about their outputs.
        """
        raw_steps = self._members.check(value, at)
        ids = step_ids(value)
        order = order_steps(raw_steps, self._problems)
        return self._compiled(
            raw_steps,
            order,
            outputs,
            lambda step: around.seeing(SettledBefore(step, ids, order, outputs)),
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
        most = self._registry.limits.nesting
        if around.depth >= most:
            message = f"steps are nested deeper than {most}: call another template instead"
            self._problems.add(at, "LIMIT_EXCEEDED", message)
            return None
        raw_steps = self._members.check(value, at)
        ids = step_ids(value)
        order = order_steps(raw_steps, self._problems, in_sequence=True, outer=around.outer_ids)
        place = replace(
            around,
            loops=around.loops + in_loop,
            depth=around.depth + 1,
            outer_ids=(ids, *around.outer_ids),
        )
        outputs = DeclaredOutputs()
        return self._compiled(
            raw_steps,
            order,
            outputs,
            lambda step: place.seeing(
                Nested(SettledBefore(step, ids, order, outputs), around.steps)
            ),
        )

    def hook(self, value: Mapping[str, Any], name: str, around: Place) -> StepList | None:
        """Check and compile a step that runs when all others are over; its id defaults to its name.

        Returns:
            A list of this one step; None when something is wrong, which is reported.
        """
        at = pointer("", name)
        step = self._members.check_step(value, at, {}, name)
        order = order_steps([step], self._problems)
        if step.id in around.outer_ids[0]:
            self._problems.add(
                pointer(at, "id"), "DUPLICATE_ID", f"the id `{step.id}` is taken by a step"
            )
        return self._compiled([step], order, DeclaredOutputs(), lambda _: around)

    def _compiled(
        self,
        raw_steps: list[RawStep],
        order: Order,
        outputs: DeclaredOutputs,
        place: Callable[[RawStep], Place],
    ) -> StepList:
        """Compile steps, each after those it may refer to: what they declare is known then."""
        found = {}
        position = {step_id: number for number, step_id in enumerate(order.one_by_one)}
        for step in sorted(raw_steps, key=lambda step: position.get(step.id, -1)):
            compiled = self._step(step, place(step))
            if compiled is not None and step.usable:
                found[step.id] = compiled
                if compiled.strategy not in ("ignore", "fallback_step"):
                    outputs.add(step.id, compiled.type)
        if self._problems.refused:
            return StepList({}, (), {}, ())
        warn_unreached(raw_steps, found, order, self._problems)
        planned = {step.id: found[step.id] for step in raw_steps}
        levels = tuple(tuple(planned[step_id] for step_id in level) for level in order.levels)
        waits = {step_id: tuple(targets) for step_id, targets in order.waits.items()}
        return StepList(planned, levels, order.fallbacks, order.last, order.spares, waits)

    def _step(self, step: RawStep, around: Place) -> PlannedStep | None:
        handled = step.good.get("on_error", {}).get("strategy") in ("ignore", "fallback_step")
        place = replace(around, handled=True) if handled and not around.handled else around
        kind = self._step_type(step)
        guard = self._guard(step, place)
        if kind is None:
            return None
        self._check_own_fields(step, kind)
        source = DefinedStep(
            step,
            place,
            self._registry,
            self._references,
            self._problems,
            self.nested,
            self._timeout,
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
        for name in OWN:
            if name in step.raw and name not in kind.fields:
                report_foreign(step.raw, name, kind, step.at, self._problems)


def _retry_policy(good: Mapping[str, Any]) -> RetryPolicy | None:
    policy = good.get("retry")
    if policy is not None and "max" in policy:
        return RetryPolicy(**policy)
    if good.get("on_error", {}).get("strategy") == "retry":
        return RetryPolicy(max=3)
    return None
