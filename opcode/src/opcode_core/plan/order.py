"""The order of the steps in one list: dependencies checked, levels computed, fallback steps set aside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opcode_core.model.problems import pointer
from opcode_core.plan.graph import Ancestry, ancestry_of, find_cycles, levels_of
from opcode_core.plan.problems import Problems
from opcode_core.plan.visibility import dependency_fix
from opcode_core.suggest import nearest


@dataclass(slots=True)
class RawStep:
    """A step whose members were checked one by one.

    Attributes:
        id: Its id; made up and unusable when the definition's cannot be used.
        at: Where it stands, as a JSON Pointer.
        raw: Its members as written.
        good: Those of its members that are as they should be, durations as seconds.
        usable: Whether the id may be referred to.
        depends_on: The ids it depends on that exist.
    """

    id: str
    at: str
    raw: Mapping[str, Any]
    good: dict[str, Any]
    usable: bool
    depends_on: list[str] = field(default_factory=list)

    @property
    def fallback(self) -> str | None:
        """The id of the step that stands in for it, if it says one."""
        handler = self.good.get("on_error")
        if isinstance(handler, dict) and handler.get("strategy") == "fallback_step":
            return handler.get("fallback_step")
        return None


@dataclass(frozen=True, slots=True)
class Order:
    """Steps in order.

    Attributes:
        levels: Ids that run side by side, level after level; without fallback steps.
        fallbacks: Fallback step → the steps it stands in for.
        last: Ids nobody depends on, without fallback steps.
        ancestry: Who comes before whom; None when there is a cycle.
    """

    levels: list[list[str]]
    fallbacks: dict[str, tuple[str, ...]]
    last: tuple[str, ...]
    ancestry: Ancestry | None


def order_steps(steps: Sequence[RawStep], problems: Problems) -> Order:
    """Check `depends_on` and fallbacks of a list of steps and put them in order."""
    by_id = {step.id: step for step in steps if step.usable}
    for step in steps:
        _check_dependencies(step, by_id, problems)
        _check_fallback(step, by_id, problems)
    fallbacks: dict[str, tuple[str, ...]] = {}
    for step in steps:
        if step.usable and step.fallback in by_id and step.fallback != step.id:
            target = str(step.fallback)
            fallbacks[target] = (*fallbacks.get(target, ()), step.id)
    edges = {step.id: _waits(step, by_id, fallbacks) for step in by_id.values()}
    cycles = find_cycles(edges)
    for cycle in cycles:
        problems.add(
            _place_of([by_id[one] for one in cycle]),
            "CYCLE_DETECTED",
            f"these steps wait for each other: {' -> '.join(cycle)}",
        )
    if cycles:
        return Order([], fallbacks, (), None)
    ancestry = ancestry_of(edges, levels_of(edges))
    walked = {
        node: _without_fallbacks(edges[node], fallbacks) for node in by_id if node not in fallbacks
    }
    needed = {
        other for node in walked for other in _without_fallbacks(by_id[node].depends_on, fallbacks)
    }
    last = tuple(node for node in walked if node not in needed)
    return Order(levels_of(walked), fallbacks, last, ancestry)


def _place_of(cycle: Sequence[RawStep]) -> str:
    """Where a cycle is shown: at the dependencies of one of its steps, or at a fallback when only those make it."""
    step = next((one for one in cycle if "depends_on" in one.raw), None)
    if step is not None:
        return pointer(step.at, "depends_on")
    step = next(one for one in cycle if one.fallback is not None)
    return pointer(step.at, "on_error", "fallback_step")


def _waits(
    step: RawStep, by_id: Mapping[str, RawStep], fallbacks: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """What a step waits for: a fallback for what it stands in for, and that for what its fallback needs."""
    primaries = fallbacks.get(step.id, ())
    spare = by_id.get(step.fallback or "")
    needed: list[str] = []
    if spare is not None and spare is not step:
        needed = [one for one in spare.depends_on if one not in fallbacks.get(spare.id, ())]
    return list(dict.fromkeys([*step.depends_on, *primaries, *needed]))


def _without_fallbacks(
    targets: Sequence[str], fallbacks: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """A fallback step is settled when what it stands in for is, so who waits for one waits for the other."""
    waits: dict[str, None] = {}
    stack = list(reversed(targets))
    while stack:
        target = stack.pop()
        if target in fallbacks:
            stack.extend(fallbacks[target])
        else:
            waits[target] = None
    return list(waits)


def _check_dependencies(step: RawStep, by_id: Mapping[str, RawStep], problems: Problems) -> None:
    seen: set[str] = set()
    for index, target in enumerate(step.good.get("depends_on", ())):
        at = pointer(step.at, "depends_on", index)
        if not isinstance(target, str):
            problems.add(at, "WRONG_TYPE", "expected the id of a step, which is a string")
        elif target == step.id:
            fix = [{"op": "remove", "path": at}]
            problems.add(
                at,
                "CYCLE_DETECTED",
                f"a step cannot depend on itself: {target} -> {target}",
                fix=fix,
            )
        elif target in seen:
            fix = [{"op": "remove", "path": at}]
            problems.add(at, "INVALID_VALUE", f"`{target}` is in the list twice", fix=fix)
        elif target not in by_id:
            meant = (
                None
                if problems.full
                else nearest(target, (other for other in by_id if other != step.id))
            )
            problems.add(
                at,
                "UNKNOWN_STEP",
                f"there is no step `{target}` in this list of steps",
                hint=f"did you mean `{meant}`?" if meant else None,
                fix=[{"op": "replace", "path": at, "value": meant}] if meant else None,
            )
        else:
            step.depends_on.append(target)
        if isinstance(target, str):
            seen.add(target)


def _check_fallback(step: RawStep, by_id: Mapping[str, RawStep], problems: Problems) -> None:
    handler = step.good.get("on_error")
    if not isinstance(handler, dict) or handler.get("strategy") != "fallback_step":
        return
    at = pointer(step.at, "on_error", "fallback_step")
    target = handler.get("fallback_step")
    if target is None:
        problems.add(
            at,
            "MISSING_FIELD",
            "the strategy `fallback_step` needs `fallback_step`: the id of that step",
        )
    elif target == step.id:
        problems.add(at, "INVALID_VALUE", "a step cannot be its own fallback")
    elif target not in by_id:
        meant = (
            None
            if problems.full
            else nearest(target, (other for other in by_id if other != step.id))
        )
        problems.add(
            at,
            "UNKNOWN_STEP",
            f"there is no step `{target}` in this list of steps",
            hint=f"did you mean `{meant}`?" if meant else None,
            fix=[{"op": "replace", "path": at, "value": meant}] if meant else None,
        )


@dataclass(frozen=True, slots=True)
class SettledBefore:
    """The steps that are certain to be settled before one step of a list begins.

    Attributes:
        step: That step.
        ids: All ids of its list.
        order: The order of its list.
    """

    step: RawStep
    ids: frozenset[str]
    order: Order

    def names(self) -> Collection[str]:
        """The ids of all steps of the list."""
        return self.ids

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

    def why_not(self, step_id: str) -> tuple[str, str | None, list[dict[str, Any]] | None]:
        """Message, hint and fix for a step that is not certain to be settled."""
        if step_id == self.step.id:
            return "a step cannot read itself", None, None
        ancestry = self.order.ancestry
        if ancestry is not None and ancestry.certain(self.step.id, step_id):
            return f"step `{step_id}` runs after this one, because it depends on it", None, None
        message = f"step `{step_id}` is not certain to be settled before this step begins"
        fix = dependency_fix(self.step.at, "depends_on" in self.step.raw, step_id)
        return message, f"add `{step_id}` to `depends_on`", fix
