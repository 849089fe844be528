"""What a place in a definition may refer to: the steps that are certain to be settled there, inputs, loops, secrets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from opcode_core.expressions import ReadPath
from opcode_core.plan.problems import Problems
from opcode_core.plan.shapes import Shape
from opcode_core.plan.spot import Fix, Spot
from opcode_core.references.parse import NAMESPACES, path_text
from opcode_core.suggest import listing, nearest

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

    def why_not(self, step_id: str) -> tuple[str, str | None, Fix | None]:
        """For a step that is not certain to be settled: message, hint and fix."""
        ...

    def output(self, step_id: str) -> Shape | None:
        """What is declared about the output of a step that is certain to be settled; None for nothing."""
        ...


class Outputs(Protocol):
    """What the steps of one list declare about their outputs."""

    def output(self, step_id: str) -> Shape | None:
        """The shape of a step's output; None when nothing is said about it."""
        ...


@dataclass(frozen=True, slots=True)
class AllSettled:
    """A place that is read when every step has settled, such as the workflow's output."""

    ids: frozenset[str]
    outputs: Outputs | None = None

    def names(self) -> Collection[str]:
        """The ids of all steps."""
        return self.ids

    def knows(self, step_id: str) -> bool:
        """Whether there is such a step."""
        return step_id in self.ids

    def is_settled(self, step_id: str) -> bool:  # noqa: ARG002 - all are
        """True."""
        return True

    def why_not(self, step_id: str) -> tuple[str, str | None, Fix | None]:
        """Never asked: every step has settled here."""
        raise AssertionError(step_id)

    def output(self, step_id: str) -> Shape | None:
        """What the step declares."""
        return None if self.outputs is None else self.outputs.output(step_id)


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

    def why_not(self, step_id: str) -> tuple[str, str | None, Fix | None]:
        """Message, hint and fix."""
        return (self.own if self.own.knows(step_id) else self.outer).why_not(step_id)

    def output(self, step_id: str) -> Shape | None:
        """What the nearest step of this name that comes before declares."""
        own = self.own.knows(step_id) and self.own.is_settled(step_id)
        return (self.own if own else self.outer).output(step_id)


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
        input_shape: What is declared about the inputs; None for nothing.
        handled: Whether the definition says what happens when the step it belongs to fails.
    """

    steps: SettledSteps
    namespaces: tuple[str, ...] = NAMESPACES
    inputs: tuple[str, ...] | None = None
    loops: int = 0
    depth: int = 0
    outer_ids: tuple[frozenset[str], ...] = ()
    workflow: tuple[str, ...] = WORKFLOW_FIELDS
    secrets: bool = False
    input_shape: Shape | None = None
    handled: bool = False

    def seeing(self, steps: SettledSteps) -> Place:
        """The same place, but for the steps it can see: written out, because each step of a definition has one."""
        return Place(
            steps,
            self.namespaces,
            self.inputs,
            self.loops,
            self.depth,
            self.outer_ids,
            self.workflow,
            self.secrets,
            self.input_shape,
            self.handled,
        )

    def check(self, path: ReadPath, spot: Spot, problems: Problems) -> bool:
        """Check one path that is read; report what is wrong and say whether nothing is."""
        namespace = str(path[0])
        before = problems.count
        if namespace not in (*NAMESPACES, "iter"):
            self._no_namespace(path, spot, problems)
        elif namespace in ("loop", "iter"):
            self._check_loop(path, spot, problems)
        elif namespace == "secrets":
            self._check_secret(path, spot, problems)
        elif namespace not in self.namespaces:
            message = f"`{namespace}` cannot be read here: only {listing(self.namespaces)} can"
            problems.add(spot.at, "UNKNOWN_REFERENCE", message, offset=spot.where(path[:1]))
        elif namespace == "steps" and len(path) > 1:
            self._check_step(path, spot, problems)
        elif namespace == "workflow" and len(path) > 1:
            _check_known(path[:2], self.workflow, spot, problems)
        elif namespace == "inputs" and len(path) > 1 and self.inputs is not None:
            _check_known(path[:2], self.inputs, spot, problems)
        return problems.count == before

    def _no_namespace(self, path: ReadPath, spot: Spot, problems: Problems) -> None:
        name = str(path[0])
        message = f"`{path_text(path)}`: there is no namespace `{name}`"
        hint, fix = f"there are {listing(NAMESPACES)}", None
        if len(path) > 1 and self.steps.knows(name):
            hint = f"did you mean `{path_text(('steps', *path))}`?"
            fix = spot.rewritten(path, ("steps", *path))
        elif meant := nearest(name, NAMESPACES):
            hint, fix = f"did you mean `{meant}`?", spot.rewritten(path, (meant, *path[1:]))
        where = spot.where(path[:1])
        problems.add(spot.at, "UNKNOWN_REFERENCE", message, hint=hint, fix=fix, offset=where)

    def _check_loop(self, path: ReadPath, spot: Spot, problems: Problems) -> None:
        if not self.loops:
            message = f"`{path_text(path)}`: `{path[0]}` exists only inside a loop"
            problems.add(spot.at, "UNKNOWN_REFERENCE", message, offset=spot.where(path[:1]))
            return
        for depth, name in enumerate(path[1:], 1):
            if name != "parent":
                _check_known(path[: depth + 1], LOOP_FIELDS, spot, problems)
                return
            if depth >= self.loops:
                loops = "is only one loop" if self.loops == 1 else f"are only {self.loops} loops"
                message = f"`{path_text(path)}`: there {loops} around this place"
                where = spot.where(path[: depth + 1])
                problems.add(spot.at, "UNKNOWN_REFERENCE", message, offset=where)
                return

    def _check_secret(self, path: ReadPath, spot: Spot, problems: Problems) -> None:
        if not self.secrets:
            problems.add(
                spot.at,
                "SECRET_MISPLACED",
                f"`{path_text(path)}`: a secret cannot stand here, where it would be stored or shown",
                hint="give it to an action's parameter that takes secrets, such as http headers or shell env",
                offset=spot.offset,
            )
        elif len(path) != 2:  # noqa: PLR2004 - secrets.NAME
            message = "a secret is read as ${{secrets.NAME}}"
            problems.add(spot.at, "BAD_REFERENCE", message, offset=spot.offset)
        else:
            problems.add(
                spot.at,
                "UNKNOWN_REFERENCE",
                f"the secret `{path[1]}` cannot be had: this server has no vault; the step will fail with VAULT_ERROR",
                warning=True,
                offset=spot.offset,
            )

    def _check_step(self, path: ReadPath, spot: Spot, problems: Problems) -> None:
        step_id = str(path[1])
        known = step_id if self.steps.knows(step_id) else step_id.partition(".")[0]
        if not self.steps.knows(known):
            meant = None if problems.full else nearest(step_id, self.steps.names())
            problems.add(
                spot.at,
                "UNKNOWN_REFERENCE",
                f"there is no step `{step_id}`",
                hint=f"did you mean `steps.{meant}`?" if meant else None,
                fix=spot.rewritten(path[:2], ("steps", meant)) if meant else None,
                offset=spot.where(path[:2]),
            )
        elif not self.steps.is_settled(known):
            message, hint, fix = self.steps.why_not(known)
            where = spot.where(path[:2])
            problems.add(spot.at, "NOT_SETTLED", message, hint=hint, fix=fix, offset=where)


def _check_known(path: ReadPath, known: Sequence[str], spot: Spot, problems: Problems) -> None:
    """Check the last segment of a path."""
    *before, name = path
    if name not in known:
        meant = None if problems.full else nearest(str(name), known)
        problems.add(
            spot.at,
            "UNKNOWN_REFERENCE",
            f"`{path_text(tuple(before))}` has no `{name}`: it has {listing(known)}",
            hint=f"did you mean `{meant}`?" if meant else None,
            fix=spot.rewritten(path, (*before, meant)) if meant else None,
            offset=spot.where(path),
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
