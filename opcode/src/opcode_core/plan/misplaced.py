"""Members of a step in the wrong place: beside `config` or `params` instead of in it, or in the other of the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opcode_core.model.problems import pointer
from opcode_core.plan.problems import Problems
from opcode_core.steps import StepType


def report_misplaced(
    raw: Mapping[str, Any], names: Sequence[str], inside: str, at: str, problems: Problems
) -> None:
    """Report members that belong into `config` or `params`; the first fix moves them all.

    Args:
        raw: The step as written.
        names: The members.
        inside: Where they belong.
        at: Where the step stands, as a JSON Pointer.
        problems: Where problems go.
    """
    within = raw.get(inside, {})
    for number, name in enumerate(names):
        fix = None
        if number == 0 and isinstance(within, Mapping) and not any(one in within for one in names):
            fix = _moves(raw, names, inside, at)
        problems.add(
            pointer(at, name),
            "UNKNOWN_FIELD",
            f"there is no field `{name}` here",
            hint=f"it belongs into `{inside}`",
            fix=fix,
        )


def _moves(
    raw: Mapping[str, Any], names: Sequence[str], inside: str, at: str
) -> list[dict[str, Any]]:
    target = pointer(at, inside)
    made = [] if inside in raw else [{"op": "add", "path": target, "value": {}}]
    return [
        *made,
        *({"op": "move", "from": pointer(at, one), "path": pointer(target, one)} for one in names),
    ]


def report_foreign(
    raw: Mapping[str, Any], name: str, kind: type[StepType], at: str, problems: Problems
) -> None:
    """Report an `action`, `params` or `config` that steps of this type do not have."""
    other = next((one for one in ("config", "params") if one in kind.fields), None)
    hint, fix = None, None
    if name in ("config", "params") and other is not None:
        hint = f"what it needs stands in `{other}`"
        if other not in raw:
            fix = [{"op": "move", "from": pointer(at, name), "path": pointer(at, other)}]
    message = f"a step of type `{kind.name}` has no `{name}`"
    problems.add(pointer(at, name), "UNKNOWN_FIELD", message, hint=hint, fix=fix)
