"""Which steps of a list are certain to be settled before one of them begins."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from opcode_core.model.problems import pointer
from opcode_core.plan.order import Order
from opcode_core.plan.raw import RawStep
from opcode_core.plan.shapes import Shape
from opcode_core.plan.spot import Fix
from opcode_core.plan.visibility import Outputs


@dataclass(frozen=True, slots=True)
class SettledBefore:
    """The steps that are certain to be settled before one step of a list begins.

    Attributes:
        step: That step.
        ids: All ids of its list.
        order: The order of its list.
        outputs: What the steps of the list declare.
    """

    step: RawStep
    ids: frozenset[str]
    order: Order
    outputs: Outputs

    def names(self) -> Collection[str]:
        """The ids of all steps of the list."""
        return self.ids

    def knows(self, step_id: str) -> bool:
        """Whether the list has such a step."""
        return step_id in self.ids

    def is_settled(self, step_id: str) -> bool:
        """Whether the step is an ancestor, or stands in for one."""
        ancestry = self.order.ancestry
        if ancestry is None or not self.step.usable:
            return True  # the cycle, or the id, is reported: what follows from it is not
        if ancestry.certain(step_id, self.step.id):
            return True
        primaries = self.order.fallbacks.get(step_id, ())
        return bool(primaries) and all(
            ancestry.certain(primary, self.step.id) for primary in primaries
        )

    def why_not(self, step_id: str) -> tuple[str, str | None, Fix | None]:
        """Message, hint and fix for a step that is not certain to be settled."""
        if step_id == self.step.id:
            return "a step cannot read itself", None, None
        ancestry = self.order.ancestry
        if self.order.in_sequence:
            message = (
                f"step `{step_id}` runs after this one: nested steps run in the order of their list"
            )
            return message, f"move `{step_id}` before it", None
        if ancestry is not None and ancestry.certain(self.step.id, step_id):
            return f"step `{step_id}` runs after this one, because it depends on it", None, None
        message = f"step `{step_id}` is not certain to be settled before this step begins"
        return message, f"add `{step_id}` to `depends_on`", _depending(self.step, step_id)

    def output(self, step_id: str) -> Shape | None:
        """What a step of the list declares."""
        return self.outputs.output(step_id)


def _depending(step: RawStep, step_id: str) -> Fix:
    """The patch that lets a step depend on another, after those that were proposed for it before."""
    at = pointer(step.at, "depends_on")
    first = not step.missing and step_id not in step.mended
    if step_id not in (*step.mended, *step.missing):
        step.missing.append(step_id)
    if first and step.mended:
        return [{"op": "add", "path": f"{at}/-", "value": step_id}]
    return [{"op": "add", "path": at, "value": [*step.mended, *step.missing]}]
