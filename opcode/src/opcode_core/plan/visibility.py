"""What a place in a definition may refer to: the steps that are certain to be settled there, inputs, loops, secrets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from opcode_core.expressions import ReadPath
from opcode_core.model.problems import pointer
from opcode_core.plan.problems import Problems
from opcode_core.references.parse import NAMESPACES, path_text
from opcode_core.suggest import hint_for, listing, nearest

WORKFLOW_FIELDS = (
    *("run_id", "name", "template_name", "template_version"),
    *("agent_id", "started_at", "status"),
)
LOOP_FIELDS = ("item", "index", "parent", "last")


class SettledSteps(Protocol):
    """The steps a place can see."""

    def names(self) -> Collection[str]:
        """The ids of all steps that could be meant: for hints."""
        ...

    def knows(self, step_id: str) -> bool:
        """Whether such a step could be meant."""
        ...

    def is_settled(self, step_id: str) -> bool:
        """Whether the step is certain to be settled before this place is read."""
        ...

    def why_not(self, step_id: str) -> tuple[str, str | None, list[dict[str, Any]] | None]:
        """For a step that is not certain to be settled: message, hint and fix."""
        ...


@dataclass(frozen=True, slots=True)
class AllSettled:
    """A place that is read when every step has settled, such as the workflow's output."""

    ids: frozenset[str]

    def names(self) -> Collection[str]:
        """The ids of all steps."""
        return self.ids

    def knows(self, step_id: str) -> bool:
        """Whether there is such a step."""
        return step_id in self.ids

    def is_settled(self, step_id: str) -> bool:  # noqa: ARG002 - all are
        """True."""
        return True

    def why_not(self, step_id: str) -> tuple[str, str | None, list[dict[str, Any]] | None]:
        """Never asked: every step has settled here."""
        raise AssertionError(step_id)


@dataclass(frozen=True, slots=True)
class Nested:
    """What a nested step can see: the steps before it in its own list, then what the step around it can see."""

    own: SettledSteps
    outer: SettledSteps

    def names(self) -> Collection[str]:
        """The ids of all steps that could be meant."""
        return {*self.own.names(), *self.outer.names()}

    def knows(self, step_id: str) -> bool:
        """Whether such a step could be meant."""
        return self.own.knows(step_id) or self.outer.knows(step_id)

    def is_settled(self, step_id: str) -> bool:
        """Whether the nearest step of this name that comes before is certain to be settled."""
        if self.own.knows(step_id) and self.own.is_settled(step_id):
            return True
        return self.outer.knows(step_id) and self.outer.is_settled(step_id)

    def why_not(self, step_id: str) -> tuple[str, str | None, list[dict[str, Any]] | None]:
        """Message, hint and fix."""
        return (self.own if self.own.knows(step_id) else self.outer).why_not(step_id)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, as far as its references are concerned.

    Attributes:
        steps: The steps it can see.
        namespaces: The namespaces that can be read there.
        inputs: The only inputs there are, when the input schema says so; None when there may be others.
        loops: How many loops there are around it.
        depth: How many steps it is nested in.
        outer_ids: The ids of the lists around it, the nearest first.
        workflow: What `workflow` has.
        secrets: Whether secrets may stand there.
    """

    steps: SettledSteps
    namespaces: tuple[str, ...] = NAMESPACES
    inputs: tuple[str, ...] | None = None
    loops: int = 0
    depth: int = 0
    outer_ids: tuple[frozenset[str], ...] = ()
    workflow: tuple[str, ...] = WORKFLOW_FIELDS
    secrets: bool = False

    def check(self, path: ReadPath, at: str, problems: Problems) -> bool:
        """Check one path that is read; report what is wrong and say whether nothing is."""
        namespace = str(path[0])
        before = problems.count
        if namespace not in (*NAMESPACES, "iter"):
            problems.add(
                at,
                "UNKNOWN_REFERENCE",
                f"`{path_text(path)}`: there is no namespace `{namespace}`",
                hint=hint_for(namespace, NAMESPACES) or f"there are {listing(NAMESPACES)}",
            )
        elif namespace in ("loop", "iter"):
            self._check_loop(path, at, problems)
        elif namespace == "secrets":
            self._check_secret(path, at, problems)
        elif namespace not in self.namespaces:
            problems.add(
                at,
                "UNKNOWN_REFERENCE",
                f"`{namespace}` cannot be read here: only {listing(self.namespaces)} can",
            )
        elif namespace == "steps" and len(path) > 1:
            self._check_step(str(path[1]), at, problems)
        elif namespace == "workflow" and len(path) > 1:
            _check_known("workflow", str(path[1]), self.workflow, at, problems)
        elif namespace == "inputs" and len(path) > 1 and self.inputs is not None:
            _check_known("inputs", str(path[1]), self.inputs, at, problems)
        return problems.count == before

    def _check_loop(self, path: ReadPath, at: str, problems: Problems) -> None:
        if not self.loops:
            problems.add(
                at,
                "UNKNOWN_REFERENCE",
                f"`{path_text(path)}`: `{path[0]}` exists only inside a loop",
            )
            return
        for depth, name in enumerate(path[1:], 1):
            if name != "parent":
                _check_known(str(path[0]), str(name), LOOP_FIELDS, at, problems)
                return
            if depth >= self.loops:
                problems.add(
                    at,
                    "UNKNOWN_REFERENCE",
                    f"`{path_text(path)}`: there are only {self.loops} loops around this place",
                )
                return

    def _check_secret(self, path: ReadPath, at: str, problems: Problems) -> None:
        if not self.secrets:
            problems.add(
                at,
                "SECRET_MISPLACED",
                f"`{path_text(path)}`: a secret cannot stand here, where it would be stored or shown",
                hint="give it to an action's parameter that takes secrets, such as http headers or shell env",
            )
        elif len(path) != 2:  # noqa: PLR2004 - secrets.NAME
            problems.add(at, "BAD_REFERENCE", "a secret is read as ${{secrets.NAME}}")
        else:
            problems.add(
                at,
                "UNKNOWN_REFERENCE",
                f"the secret `{path[1]}` cannot be had: this server has no vault; the step will fail with VAULT_ERROR",
                warning=True,
            )

    def _check_step(self, step_id: str, at: str, problems: Problems) -> None:
        known = step_id if self.steps.knows(step_id) else step_id.partition(".")[0]
        if not self.steps.knows(known):
            meant = None if problems.full else nearest(step_id, self.steps.names())
            problems.add(
                at,
                "UNKNOWN_REFERENCE",
                f"there is no step `{step_id}`",
                hint=f"did you mean `steps.{meant}`?" if meant else None,
            )
        elif not self.steps.is_settled(known):
            message, hint, fix = self.steps.why_not(known)
            problems.add(at, "NOT_SETTLED", message, hint=hint, fix=fix)


def _check_known(
    namespace: str, name: str, known: Sequence[str], at: str, problems: Problems
) -> None:
    if name not in known:
        problems.add(
            at,
            "UNKNOWN_REFERENCE",
            f"`{namespace}` has no `{name}`: it has {listing(known)}",
            hint=hint_for(name, known),
        )


def declared_inputs(input_schema: Any, defaults: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The only inputs a run can have, when the input schema closes the list; None when it does not."""
    if (
        not isinstance(input_schema, Mapping)
        or input_schema.get("additionalProperties") is not False
    ):
        return None
    if "patternProperties" in input_schema:
        return None
    properties = input_schema.get("properties")
    return tuple(
        dict.fromkeys([*(properties if isinstance(properties, Mapping) else ()), *defaults])
    )


def dependency_fix(step_at: str, has_dependencies: bool, step_id: str) -> list[dict[str, Any]]:  # noqa: FBT001 - a fact
    """The patch that lets a step depend on another."""
    at = pointer(step_at, "depends_on")
    if has_dependencies:
        return [{"op": "add", "path": f"{at}/-", "value": step_id}]
    return [{"op": "add", "path": at, "value": [step_id]}]
