"""The order of the steps in one list: dependencies checked, levels computed, fallback steps set aside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

from opcode_core.model.problems import pointer
from opcode_core.plan.dependencies import check_dependencies
from opcode_core.plan.graph import Ancestry, ancestry_of, find_cycles, levels_of
from opcode_core.plan.problems import Problems
from opcode_core.plan.raw import RawStep
from opcode_core.suggest import nearest


@dataclass(frozen=True, slots=True)
class Order:
    """Steps in order.

    Attributes:
        levels: Ids that run side by side, level after level; without fallback steps.
        fallbacks: Fallback step → the steps it stands in for.
        last: Ids nobody depends on, without fallback steps.
        ancestry: Who comes before whom; None when there is a cycle.
        in_sequence: Whether the steps run one after the other, in the order of their list.
        waits: Step → what it waits for, both without fallback steps.
        one_by_one: All ids, each after what it waits for; as they were given when there is a cycle.
    """

    levels: list[list[str]]
    fallbacks: dict[str, tuple[str, ...]]
    last: tuple[str, ...]
    ancestry: Ancestry | None
    in_sequence: bool = False
    waits: Mapping[str, list[str]] = field(default_factory=dict)
    one_by_one: tuple[str, ...] = ()

    @property
    def spares(self) -> dict[str, tuple[str, ...]]:
        """Step → the fallback steps that stand in for it, or for one inside it."""
        found: dict[str, tuple[str, ...]] = {}
        for spare, primaries in self.fallbacks.items():
            for primary in primaries:
                found[primary] = (*found.get(primary, ()), spare)
        return found


def order_steps(
    steps: Sequence[RawStep],
    problems: Problems,
    *,
    in_sequence: bool = False,
    outer: Sequence[Collection[str]] = (),
) -> Order:
    """Check `depends_on` and fallbacks of a list of steps and put them in order.

    Args:
        steps: The steps.
        problems: Where problems go.
        in_sequence: Whether they run one after the other, as nested steps do.
        outer: The ids of the lists around this one, where a fallback may be as well.
    """
    by_id = {step.id: step for step in steps if step.usable}
    for step in steps:
        check_dependencies(step, by_id, problems)
        _check_fallback(step, by_id, outer, problems)
    fallbacks: dict[str, tuple[str, ...]] = {}
    if in_sequence and not any(step.waits_for_others for step in by_id.values()):
        return _one_after_the_other(by_id)
    for step in by_id.values():
        for target in step.fallbacks_among(by_id):
            fallbacks[target] = (*fallbacks.get(target, ()), step.id)
    edges = {step.id: _waits(step, by_id, fallbacks) for step in by_id.values()}
    if in_sequence:
        walk = [node for node in by_id if node not in fallbacks]
        for before, node in pairwise(walk):
            if before not in edges[node]:
                edges[node].append(before)
    cycles = find_cycles(edges)
    for cycle in cycles:
        problems.add(
            _place_of([by_id[one] for one in cycle]),
            "CYCLE_DETECTED",
            f"these steps wait for each other: {' -> '.join(cycle)}",
        )
    if cycles:
        return Order([], fallbacks, (), None, in_sequence, one_by_one=tuple(by_id))
    every_level = levels_of(edges)
    ancestry = ancestry_of(edges, every_level)
    walked = {
        node: _without_fallbacks(edges[node], fallbacks) for node in by_id if node not in fallbacks
    }
    needed = {
        other for node in walked for other in _without_fallbacks(by_id[node].depends_on, fallbacks)
    }
    last = tuple(node for node in walked if node not in needed)
    if in_sequence:
        last = tuple(walked)[-1:]
    levels = every_level if not fallbacks else levels_of(walked)
    one_by_one = tuple(chain.from_iterable(every_level))
    return Order(levels, fallbacks, last, ancestry, in_sequence, walked, one_by_one)


def _one_after_the_other(by_id: Mapping[str, RawStep]) -> Order:
    """The order of nested steps that say nothing about it themselves: by far the most."""
    ids = tuple(by_id)
    ancestry = Ancestry(
        {one: number for number, one in enumerate(ids)},
        {one: (1 << number) - 1 for number, one in enumerate(ids)},
    )
    waits = {one: list(ids[max(0, number - 1) : number]) for number, one in enumerate(ids)}
    levels = [[one] for one in ids]
    return Order(levels, {}, ids[-1:], ancestry, in_sequence=True, waits=waits, one_by_one=ids)


def _place_of(cycle: Sequence[RawStep]) -> str:
    """Where a cycle is shown: at the dependencies of one of its steps, or at a fallback when only those make it."""
    step = next((one for one in cycle if "depends_on" in one.raw), None)
    if step is not None:
        return pointer(step.at, "depends_on")
    step = next((one for one in cycle if one.fallback is not None), None)
    return cycle[0].at if step is None else pointer(step.at, "on_error", "fallback_step")


def _waits(
    step: RawStep, by_id: Mapping[str, RawStep], fallbacks: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """What a step waits for: a fallback for what it stands in for, and that for what its fallback needs."""
    primaries = fallbacks.get(step.id, ())
    needed = [
        one
        for spare in step.fallbacks_among(by_id)
        for one in by_id[spare].depends_on
        if one not in fallbacks.get(spare, ())
    ]
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


def _check_fallback(
    step: RawStep,
    by_id: Mapping[str, RawStep],
    outer: Sequence[Collection[str]],
    problems: Problems,
) -> None:
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
    elif target not in by_id and not any(target in ids for ids in outer):
        meant = (
            None
            if problems.full
            else nearest(
                target, (other for ids in (by_id, *outer) for other in ids if other != step.id)
            )
        )
        where = "in this list of steps" + (" or in one around it" if outer else "")
        problems.add(
            at,
            "UNKNOWN_STEP",
            f"there is no step `{target}` {where}",
            hint=f"did you mean `{meant}`?" if meant else None,
            fix=[{"op": "replace", "path": at, "value": meant}] if meant else None,
        )
