"""A step of a definition as its type sees it: values, expressions and actions, compiled where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from opcode_core.actions import Action
from opcode_core.binding import BoundAction
from opcode_core.errors import ActionUnavailableError
from opcode_core.expressions import Expression
from opcode_core.fields import Field
from opcode_core.logs import logger
from opcode_core.model.definition import StepList
from opcode_core.model.problems import Problem, pointer
from opcode_core.plan.fields import check_object
from opcode_core.plan.members import EVERY, OWN
from opcode_core.plan.params import ParamsSource, check_params
from opcode_core.plan.problems import Problems
from opcode_core.plan.raw import RawStep
from opcode_core.plan.references import References, is_plain
from opcode_core.plan.visibility import Place
from opcode_core.plugins.registry import Registry
from opcode_core.references.parse import has_reference
from opcode_core.references.resolve import with_article
from opcode_core.references.tree import Node, Object, PathReference, is_quick
from opcode_core.suggest import nearest


class CompileNested(Protocol):
    """Compiles a list of nested steps (`StepCompiler.nested`)."""

    def __call__(self, value: Any, at: str, around: Place, *, in_loop: bool) -> StepList | None:
        """Compile what stands at a pointer; None when something is wrong with it, which is reported."""
        ...


class DefinedStep:
    """A step while it is planned (`StepSource`).

    Args:
        step: The step, its members checked.
        place: What it may refer to.
        registry: Where actions are found.
        references: Compiles values and expressions.
        problems: Where problems go.
        nested: Compiles lists of nested steps.
        timeout: Seconds the workflow may take; None for no limit.
    """

    def __init__(
        self,
        step: RawStep,
        place: Place,
        registry: Registry,
        references: References,
        problems: Problems,
        nested: CompileNested,
        timeout: float | None,
    ) -> None:
        self.id = step.id
        self.pointer = step.at
        self.raw = step.raw
        self.workflow_timeout = timeout
        self._good = step.good
        self._place = place
        self._registry = registry
        self._references = references
        self._problems = problems
        self._nested = nested

    def report(self, problem: Problem) -> None:
        """Report a problem; an error refuses the definition."""
        self._problems.report(problem)

    def template(self, value: Any, *path: str | int, accepts: Sequence[str] = ()) -> Node:
        """Compile a value that may hold references."""
        at = pointer(self.pointer, *path)
        node = self._references.compile(value, at, self._place)
        types = node.types if isinstance(node, PathReference) else None
        if accepts and types and not types & set(accepts):
            expected = " or ".join(map(with_article, accepts))
            found = " or ".join(map(with_article, sorted(types)))
            message = f"expected {expected}, but it is declared to be {found}"
            self._problems.add(at, "WRONG_TYPE", message, warning=self._place.handled)
        return node

    def members(self, fields: Mapping[str, Field], *path: str | int) -> dict[str, Any]:
        """Check the object at `path` member by member; give those that are as they should be."""
        value: Any = self.raw
        for segment in path:
            value = value.get(segment, {}) if isinstance(value, Mapping) else value[int(segment)]
        return check_object(value, fields, pointer(self.pointer, *path), self._problems)

    def expression(
        self,
        source: Any,
        *path: str | int,
        engine: str | Sequence[str] = "cel",
        in_loop: bool = False,
    ) -> Expression | None:
        """Compile an expression; None when it does not compile, which is reported."""
        place = self._place
        if in_loop:
            place = replace(place, loops=place.loops + 1)
        return self._references.expression(source, pointer(self.pointer, *path), place, engine)

    def steps(self, value: Any, *path: str | int, in_loop: bool = False) -> StepList | None:
        """Compile a list of nested steps; None when something is wrong with them, which is reported."""
        return self._nested(value, pointer(self.pointer, *path), self._place, in_loop=in_loop)

    def limit(self, name: str) -> int:
        """A limit of definitions and runs, by its name among the settings `limits.…`."""
        return int(getattr(self._registry.limits, name))

    def action(self) -> BoundAction | None:
        """The action that `action` and `params` name; None when it cannot be used, which is reported."""
        at = pointer(self.pointer, "params")
        action = self._find_action()
        raw = self.raw.get("params", {})
        if "params" in self.raw and "params" not in self._good:
            return None
        node = self._params(raw, at, action.secrets if action else frozenset(raw))
        if action is None:
            return None
        ready = check_params(action, node, at, self._problems, handled=self._place.handled)
        if action.check is not None:
            source = ParamsSource(raw, node, at, self._compile_at)
            try:
                for problem in action.check(source):
                    self._problems.report(problem)
            except Exception as error:  # noqa: BLE001 - a plugin's own fault is a problem like any other
                logger.warning(
                    "a plugin's check failed",
                    exc_info=error,
                    extra={"data": {"action": action.name}},
                )
                message = f"the check of `{action.name}` failed ({type(error).__name__}): see the server's log"
                self._problems.add(at, "INVALID_VALUE", message)
        return BoundAction(
            action,
            node,
            ready if ready is not None and _is_flat(ready) else None,
            is_quick(node),
            self._registry.limits.params_bytes,
        )

    def _compile_at(
        self, source: str, at: str, engine: str, extra: Mapping[str, str]
    ) -> Expression | None:
        return self._references.action_expression(source, at, self._place, engine, extra)

    def _params(self, raw: Mapping[str, Any], at: str, secrets: frozenset[str]) -> Node:
        """Compile parameters; only those that may hold secrets may refer to them."""
        open_place: Place | None = None
        nodes: list[tuple[str, Node]] = []
        for name, value in raw.items():
            if has_reference(name):
                self._problems.add(
                    pointer(at, name),
                    "BAD_REFERENCE",
                    "a reference cannot stand in a parameter's name",
                )
            place = self._place
            if name in secrets and not is_plain(value):
                place = open_place = open_place or replace(place, secrets=True)
            nodes.append((name, self._references.member(value, at, name, place)))
        return Object(tuple(nodes), frozenset().union(*(node.sources for _, node in nodes)))

    def _find_action(self) -> Action | None:
        at = pointer(self.pointer, "action")
        if "action" not in self.raw:
            if any(nearest(name, OWN) == "action" for name in self.raw if name not in EVERY):
                return None  # misspelt: that is reported
            self._problems.add(
                at, "MISSING_FIELD", "`action` is missing: the name of the action this step runs"
            )
            return None
        name = self._good.get("action")
        if name is None:
            return None
        try:
            return self._registry.action(name)
        except ActionUnavailableError as error:
            known = self._registry.usable_actions()
            meant = nearest(name, known) if "there is no action" in error.message else None
            self._problems.add(
                at,
                "ACTION_UNAVAILABLE",
                error.message.partition("; did you mean")[0],
                hint=f"did you mean `{meant}`?" if meant else None,
                fix=[{"op": "replace", "path": at, "value": meant}] if meant else None,
            )
            return None


def _is_flat(params: Any) -> bool:
    return all(isinstance(value, (str, int, float, bool, type(None))) for _, value in params)
