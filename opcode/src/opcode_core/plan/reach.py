"""Steps that nobody can reach, because a step before them always fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opcode_core.model.definition import PlannedStep
from opcode_core.plan.order import Order
from opcode_core.plan.problems import Problems
from opcode_core.plan.raw import RawStep


def warn_unreached(
    steps: Sequence[RawStep],
    planned: Mapping[str, PlannedStep],
    order: Order,
    problems: Problems,
) -> None:
    """Warn of each step of a list that waits for one which never completes and whose failure nothing handles."""
    ends = [
        step.id
        for step in planned.values()
        if step.guard is None
        and step.strategy not in ("ignore", "fallback_step")
        and step.type.never_completes
    ]
    if not ends or order.ancestry is None:
        return
    for step in steps:
        before = next((one for one in ends if order.ancestry.certain(one, step.id)), None)
        if before is not None:
            message = f"the step `{step.id}` is never reached: `{before}`, which comes before it, always fails"
            hint = f"give `{before}` a `condition`, or move it behind"
            problems.add(step.at, "INVALID_VALUE", message, hint=hint, warning=True)
