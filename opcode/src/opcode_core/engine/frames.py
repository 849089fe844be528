"""Lists of steps while they run: what their steps are called, and what they can see."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from opcode_core.model.definition import PlannedStep, StepList
from opcode_core.model.state import SETTLED, StepState

Scopes = tuple[tuple[Collection[str], str], ...]
_PENDING: dict[str, Any] = StepState().view


class Frame:
    """One list of steps while it runs: the definition's own, or one branch or iteration of a step.

    Attributes:
        steps: The steps.
        prefix: What stands before their ids: nothing, or `each.iter_0.`.
        outer: The list of the step around them; None for the definition's own.
        variables: What they can see.
        scopes: The ids and the prefix of this list, and of those around it, from the inside out.

    Args:
        steps: See above.
        prefix: See above.
        outer: See above.
        states: The states of all steps of the workflow, by full id.
        variables: What the list around it can see.
        loop: The iteration it is, if it is one.
        sources: The namespaces that the items of the loops around it came from.
    """

    __slots__ = ("_states", "outer", "prefix", "scopes", "sources", "steps", "variables")

    def __init__(
        self,
        steps: StepList,
        prefix: str,
        outer: Frame | None,
        states: Mapping[str, StepState],
        variables: Mapping[str, Any],
        loop: Mapping[str, Any] | None = None,
        sources: frozenset[str] = frozenset(),
    ) -> None:
        self.steps = steps
        self.prefix = prefix
        self.outer = outer
        self.sources: frozenset[str] = sources if outer is None else sources | outer.sources
        self._states = states
        around: Scopes = () if outer is None else outer.scopes
        self.scopes: Scopes = ((steps.steps, prefix), *around)
        self.variables: dict[str, Any] = {**variables, "steps": StepsView(self.scopes, states)}
        if loop is not None:
            self.variables |= iteration(loop, variables)

    def full_id(self, step: PlannedStep) -> str:
        """A step's full id."""
        return self.prefix + step.id

    def state(self, step: PlannedStep) -> StepState | None:
        """What became of a step; None while nothing has."""
        return self._states.get(self.prefix + step.id)

    def has_settled(self, step_id: str) -> bool:
        """Whether a step of the list has settled."""
        state = self._states.get(self.prefix + step_id)
        return state is not None and state.status in SETTLED

    def owner_of(self, step_id: str) -> Frame:
        """The nearest list that has a step, from this one outwards."""
        frame: Frame | None = self
        while frame is not None:
            if step_id in frame.steps.steps:
                return frame
            frame = frame.outer
        raise KeyError(step_id)

    def last_output(self) -> Any:
        """What the last step of a nested list gave."""
        state = self._states.get(self.prefix + self.steps.last[0])
        return None if state is None else state.output


def iteration(loop: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """What an iteration adds to what can be seen: `loop`, and `iter`, its name in CEL."""
    inner = {**loop, "parent": variables.get("loop")}
    return {"loop": inner, "iter": inner}


class StepsView(Mapping[str, Any]):
    """The steps as references and expressions see them: `{id: {output, status, error, …}}`.

    A name means the step of the nearest list that has it and has come to it; a full id any step of the workflow.

    Args:
        scopes: The lists it looks in; the lists themselves are not kept, for they keep what is made here.
        states: What became of the steps, by full id.
    """

    __slots__ = ("_scopes", "_states")

    def __init__(self, scopes: Scopes, states: Mapping[str, StepState]) -> None:
        self._scopes = scopes
        self._states = states

    def __getitem__(self, step_id: str) -> dict[str, Any]:
        head = step_id.partition(".")[0]
        known = False
        for ids, prefix in self._scopes:
            if head in ids:
                state = self._states.get(prefix + step_id)
                if state is not None:
                    return state.view
                known = True
        state = self._states.get(step_id)
        if state is not None:
            return state.view
        if known:
            return _PENDING
        raise KeyError(step_id)

    def __iter__(self) -> Iterator[str]:
        seen: dict[str, None] = {}
        for ids, _ in self._scopes:
            seen.update(dict.fromkeys(ids))
        seen.update(dict.fromkeys(self._states))
        return iter(seen)

    def __len__(self) -> int:
        return sum(1 for _ in self)
