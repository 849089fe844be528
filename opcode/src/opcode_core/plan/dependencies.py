"""`depends_on` of one step: what is wrong with it, and what it is to be."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from opcode_core.model.problems import ProblemCode, pointer
from opcode_core.plan.problems import Problems
from opcode_core.plan.raw import RawStep
from opcode_core.suggest import nearest


def check_dependencies(step: RawStep, by_id: Mapping[str, RawStep], problems: Problems) -> None:
    """Check the ids a step depends on, and keep those that exist.

    The first fix of a list mends one entry, those after it write the whole list: so they can be applied one after the
    other, and each by itself.

    Args:
        step: The step; its `depends_on` and `mended` are filled.
        by_id: The steps of its list.
        problems: Where problems go.
    """
    written = step.raw.get("depends_on")
    if isinstance(written, str) and written in by_id and written != step.id:
        step.depends_on.append(written)  # its brackets are missing: that is reported, and enough
    targets = step.good.get("depends_on", ())
    found = []
    seen: set[str] = set()
    for index, target in enumerate(targets):
        if isinstance(target, str) and target in by_id and target != step.id and target not in seen:
            step.depends_on.append(target)
            step.mended.append(target)
        else:
            fault = _dependency_fault(step, target, seen, by_id, problems)
            found.append((index, fault))
            step.mended.extend(fault.instead)
        if isinstance(target, str):
            seen.add(target)
    at, fixed = pointer(step.at, "depends_on"), False
    for index, fault in found:
        place = pointer(at, index)
        fix = None
        if fault.certain:
            fix = (
                [{"op": "replace", "path": at, "value": step.mended}] if fixed else fault.fix(place)
            )
            fixed = True
        problems.add(place, fault.code, fault.message, hint=fault.hint, fix=fix)


@dataclass(frozen=True, slots=True)
class _Fault:
    """What is wrong with one entry of `depends_on`, and what to write in its place: nothing, if `instead` is empty."""

    code: ProblemCode
    message: str
    instead: tuple[Any, ...] = ()
    hint: str | None = None
    certain: bool = True

    def fix(self, at: str) -> list[dict[str, Any]]:
        """The patch of the entry alone."""
        if not self.instead:
            return [{"op": "remove", "path": at}]
        return [{"op": "replace", "path": at, "value": self.instead[0]}]


def _dependency_fault(
    step: RawStep,
    target: Any,
    seen: Container[str],
    by_id: Mapping[str, RawStep],
    problems: Problems,
) -> _Fault:
    if not isinstance(target, str):
        message = "expected the id of a step, which is a string"
        return _Fault("WRONG_TYPE", message, (target,), certain=False)
    if target == step.id:
        return _Fault("CYCLE_DETECTED", f"a step cannot depend on itself: {target} -> {target}")
    if target in seen:
        return _Fault("INVALID_VALUE", f"`{target}` is in the list twice")
    others = (other for other in by_id if other != step.id)
    meant = None if problems.full else nearest(target, others)
    message = f"there is no step `{target}` in this list of steps"
    if meant is None:
        return _Fault("UNKNOWN_STEP", message, (target,), certain=False)
    listed = meant in step.good["depends_on"] or meant in step.mended
    hint = f"did you mean `{meant}`?"
    return _Fault("UNKNOWN_STEP", message, () if listed else (meant,), hint)
