"""What the engine lends a step while it runs (`StepContext`)."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from opcode_core.actions import Effect
from opcode_core.binding import BoundAction
from opcode_core.engine.abandoning import abandon, unsettled_in
from opcode_core.engine.action_context import RunningAction
from opcode_core.engine.frames import Frame, iteration
from opcode_core.engine.groups import Race, side_by_side
from opcode_core.engine.pauses import receive, sleep
from opcode_core.engine.questions import decide
from opcode_core.engine.waiting import SCOPE, Scope, Stopped
from opcode_core.engine.world import World
from opcode_core.errors import ExecutionError, OpcodeError
from opcode_core.expressions import Expression
from opcode_core.model import events
from opcode_core.model.definition import PlannedStep, StepList
from opcode_core.model.state import StepState
from opcode_core.references.provenance import Origins, sources_of
from opcode_core.references.tree import Node, is_quick
from opcode_core.step_context import NestedSteps, Question
from opcode_core.steps import NOT_NOW

T = TypeVar("T")


class RunningStep:
    """What a step may do while it runs; one for each attempt.

    Args:
        world: The workflow and what is around it.
        frame: The step's list: what it sees.
        step: The step.
        attempt: 1 for the first try; 0 before it.
    """

    __slots__ = ("_circuit", "_frame", "_scope", "_step", "_world", "attempt", "step_id")

    def __init__(self, world: World, frame: Frame, step: PlannedStep, attempt: int) -> None:
        self._world = world
        self._frame = frame
        self._step = step
        self._scope: Scope | None = None
        self._circuit: str | None = None
        self.step_id = frame.full_id(step)
        self.attempt = attempt

    @property
    def _state(self) -> StepState:
        return self._world.run.state.steps[self.step_id]

    async def resolve(self, template: Node) -> Any:
        """The value of a template as this step sees it."""
        if is_quick(template):
            return template.resolve(self._frame.variables)
        return await self._world.runtime.in_thread(
            functools.partial(template.resolve, self._frame.variables)
        )

    def sources_of(self, value: Node | Expression) -> frozenset[str]:
        """The namespaces that a value comes from, and those behind them."""
        origins = Origins(self._world.run.state.input_sources, self._frame.sources)
        if isinstance(value, Expression):
            return origins.of_expression(value)
        return sources_of(value, origins)

    def resolve_now(self, template: Node) -> Any:
        """The value of a template, or `NOT_NOW` when it may take a while."""
        return template.resolve(self._frame.variables) if is_quick(template) else NOT_NOW

    async def evaluate(self, expression: Expression, loop: Mapping[str, Any] | None = None) -> Any:
        """The value of an expression as this step sees it, or as an iteration of the loop it is."""
        variables: Mapping[str, Any] = self._frame.variables
        if loop is not None:
            variables = {**variables, **iteration(loop, variables)}
        if expression.quick:
            return expression.evaluate(variables)
        return await self._world.runtime.in_thread(
            functools.partial(expression.evaluate, variables)
        )

    def run_action_now(self, bound: BoundAction) -> Any:
        """Run an action that is pure and called in place."""
        action = bound.action
        params = bound.arguments(self._frame.variables, self._state.replacement)
        if action.takes_context:
            return action.run(*_given(bound, params), self._context(bound))
        return action.run(*_given(bound, params))

    async def run_action(self, bound: BoundAction) -> Any:
        """Run any action, after what led to it is stored unless it is pure."""
        variables, replacement = self._frame.variables, self._state.replacement
        runtime = self._world.runtime
        if bound.quick:
            params = bound.arguments(variables, replacement)
        else:
            work = functools.partial(bound.arguments, variables, replacement)
            params = await runtime.in_thread(work)
        self._circuit = runtime.circuits.enter(bound.action, params, self._tell)
        if bound.action.effect_of(params) is not Effect.PURE:
            await runtime.stored()
        context = self._context(bound) if bound.action.takes_context else None
        try:
            return await runtime.call(bound.action, params, context)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ExecutionError("the action cancelled itself") from None

    def report(self, failure: OpcodeError | None) -> None:
        """Tell the circuit of the action how the attempt went; None for well."""
        if self._circuit is not None:
            self._world.runtime.circuits.leave(self._circuit, failure, self._tell)

    def leave(self) -> None:
        """The attempt was stopped before it was known how it goes."""
        if self._circuit is not None:
            self._world.runtime.circuits.release(self._circuit)

    async def once(
        self,
        name: str,
        make: Callable[[], Awaitable[T]],
        event_type: str = events.VARIABLE_SET,
    ) -> T:
        """Compute a JSON value once in an attempt and keep it."""
        records = self._state.records
        if records is None or name not in records:
            value = await make()
            payload = {"once": name, "value": value}
            self._world.run.record(event_type, self.step_id, payload)
        kept: T = (self._state.records or {})[name]
        return kept

    def mark(self, event_type: str, name: str, **payload: Any) -> bool:
        """Put an event about this step into the log, once in an attempt."""
        if self.recorded(name):
            return False
        self._world.run.has_room()
        self._world.run.record(event_type, self.step_id, {"once": name, **payload})
        return True

    def recorded(self, name: str) -> bool:
        """Whether `once` or `mark` was called with this name in this attempt."""
        records = self._state.records
        return records is not None and name in records

    async def run_nested(
        self,
        steps: NestedSteps,
        name: str,
        loop: Mapping[str, Any] | None = None,
        sources: frozenset[str] = frozenset(),
    ) -> Any:
        """Run nested steps in their order; give the output of the last."""
        if not isinstance(steps, StepList):
            raise TypeError("nested steps are compiled by `StepSource.steps`")
        scope = SCOPE.get()
        if scope is self._scope and scope.stopped:
            raise Stopped
        self._scope = scope
        prefix = f"{self.step_id}.{name}."
        run = self._world.run
        last = run.state.steps.get(prefix + steps.last[0])
        if last is not None and last.passed:
            return last.output  # they run one after the other: when the last has passed, all have
        with run.frame(steps, prefix, self._frame, loop, sources) as frame:
            await self._world.lists.in_sequence(frame)
            return frame.last_output()

    async def side_by_side(
        self, works: Sequence[Callable[[], Awaitable[T]]], at_once: int | None = None
    ) -> list[T]:
        """Do several things at once, at most `at_once` of them."""
        return await side_by_side(self._world.waits, works, at_once)

    async def race(self, works: Sequence[Callable[[], Awaitable[T]]]) -> tuple[int, T]:
        """Do several things at once until one has succeeded."""
        if self.recorded("winner"):
            winner = (self._state.records or {})["winner"]
            result = await works[winner]()
            self._skip_losers()
            return winner, result
        group = Race(self._world.waits)
        won: list[tuple[int, T]] = []

        async def run(index: int) -> None:
            result = await works[index]()
            if group.win():
                payload = {"once": "winner", "value": index}
                self._world.run.record(events.VARIABLE_SET, self.step_id, payload)
                won.append((index, result))

        for index in range(len(works)):
            group.spawn(functools.partial(run, index))
        await group.join()
        self._skip_losers()
        return won[0]

    def _skip_losers(self) -> None:
        run = self._world.run
        losers = unsettled_in(run, self.step_id)
        abandon(run, self._world.runtime.children, losers, "lost the race")

    async def sleep(self, seconds: float, name: str = "sleep") -> float:
        """Wait; a restart neither begins the time anew nor forgets it."""
        return await sleep(self._world, self.step_id, seconds, name)

    async def receive(self, signal: str, seconds: float | None = None) -> Any:
        """Wait for a `data` signal of this name."""
        return await receive(self._world, self.step_id, signal, seconds)

    async def decide(self, ask: Callable[[], Awaitable[Question]]) -> dict[str, Any]:
        """Ask an agent or a person, and wait for the answer."""
        return await decide(self._world, self.step_id, ask)

    def _tell(self, event_type: str, payload: dict[str, Any]) -> None:
        self._world.run.record(event_type, self.step_id, payload)

    def _context(self, bound: BoundAction) -> RunningAction:
        retried = self._step.retry is not None
        return RunningAction(
            self._world, self._frame, self.step_id, self.attempt, retried, bound.tree
        )


def _given(bound: BoundAction, params: Any) -> tuple[Any, ...]:
    return (params,) if bound.action.takes_params else ()
