"""The members that every step has: their types, ids that are free, retries and error handlers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from opcode_core.fields import Field
from opcode_core.jsonio import type_name
from opcode_core.model.problems import pointer
from opcode_core.plan.fields import check_object
from opcode_core.plan.misplaced import report_misplaced
from opcode_core.plan.problems import Problems
from opcode_core.plan.raw import RawStep, outward_fallbacks
from opcode_core.plugins.registry import Registry

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_COMMON = {
    "id": Field("string", required=True),
    "type": Field("string"),
    "depends_on": Field("array"),
    "condition": Field("any"),
    "timeout": Field("duration"),
    "retry": Field("object", short="max"),
    "on_error": Field("object", short="strategy"),
    "on_interrupt": Field("string", choices=("suspend", "retry", "fail")),
}
OWN = {"action": Field("string"), "params": Field("object"), "config": Field("object")}
EVERY = {**_COMMON, **OWN}
"""The members a step of any type may have."""
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


class StepMembers:
    """Checks the members of steps; one for each definition, because it counts them.

    Args:
        registry: Where step types and actions are found.
        problems: Where problems go.
        most: How many steps there may be.
    """

    def __init__(self, registry: Registry, problems: Problems, most: int) -> None:
        self._registry = registry
        self._problems = problems
        self._count = 0
        self._most = most

    def check(self, value: list[Any], at: str) -> list[RawStep]:
        """Check the members of each step of a list; what is no step is reported and left out."""
        before, self._count = self._count, self._count + len(value)
        if self._count > self._most:
            if before <= self._most:
                message = f"{self._count} steps are too many: at most {self._most}"
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
            steps.append(self.check_step(raw, step_at, seen))
        return steps

    def check_step(
        self, raw: Mapping[str, Any], at: str, seen: dict[str, str], default_id: str | None = None
    ) -> RawStep:
        """Check the members of one step.

        Args:
            raw: The step as written.
            at: Where it stands, as a JSON Pointer.
            seen: Id → where it stands, of the steps before it in its list; its own is added.
            default_id: Its id when it has none; None when it must have one.
        """
        fields = dict(EVERY)
        if default_id is not None:
            fields["id"] = Field("string")
        inside, misplaced = self._misplaced(raw)
        shown = raw if not misplaced else {k: v for k, v in raw.items() if k not in misplaced}
        good = check_object(shown, fields, at, self._problems)
        report_misplaced(raw, misplaced, inside, at, self._problems)
        self._check_policies(good, at)
        step_id = good.get("id", default_id if "id" not in raw else None)
        usable = step_id is not None and self._check_id(step_id, at, seen)
        name = step_id if usable and step_id else f"?{at}"
        outward = outward_fallbacks(raw.get("config"))
        return RawStep(name, at, raw, good, usable, outward)

    def _misplaced(self, raw: Mapping[str, Any]) -> tuple[str, list[str]]:
        """The members that belong into `config` or `params`: which of the two, and their names."""
        strange = [name for name in raw if name not in EVERY]
        kind = raw.get("type", "action")
        found = self._registry.step_types.get(kind) if strange and isinstance(kind, str) else None
        if found is None:
            return "", []
        if "config" in found.fields:
            return "config", [name for name in strange if name in found.config_fields]
        action = raw.get("action")
        known = self._registry.actions.get(action) if isinstance(action, str) else None
        if known is None or "params" not in found.fields:
            return "", []
        names = {field.alias or name for name, field in known.params.model_fields.items()}
        return "params", [name for name in strange if name in names]

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


def step_ids(steps: list[Any]) -> frozenset[str]:
    """The ids of steps as written, as far as they are texts."""
    return frozenset(
        step["id"]
        for step in steps
        if isinstance(step, Mapping) and isinstance(step.get("id"), str)
    )
