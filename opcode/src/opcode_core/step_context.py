"""What the engine lends a step while it runs, and what the step hands it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from opcode_core.binding import BoundAction
from opcode_core.expressions import Expression
from opcode_core.model.events import VARIABLE_SET
from opcode_core.references.tree import Node

T = TypeVar("T")

Template = Node
"""A value of the definition with its references, compiled; `StepContext.resolve` gives its value."""


class NestedSteps(Protocol):
    """A list of nested steps, compiled; `StepContext.run_nested` runs it."""

    @property
    def last(self) -> Sequence[str]:
        """The ids of its last steps: one."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What a decision is asked with.

    Attributes:
        prompt: The question.
        data: Any JSON that helps to answer it.
        options: `[{id, description?}]` to choose from; empty for a free answer.
        timeout: Seconds until it decides itself; None for never.
        fallback: What is chosen then; None lets the attempt fail with TIMEOUT_ERROR.
        target_agent: The only one who may answer; None for anybody.
    """

    prompt: str
    data: Any = None
    options: Sequence[Mapping[str, Any]] = ()
    timeout: float | None = None
    fallback: str | None = None
    target_agent: str | None = None


class StepContext(Protocol):
    """What a step may do while it runs."""

    @property
    def step_id(self) -> str:
        """Its full id, with those of the steps around it."""
        ...

    @property
    def attempt(self) -> int:
        """1 for the first try."""
        ...

    async def resolve(self, template: Template) -> Any:
        """The value of a template as this step sees it."""
        ...

    def resolve_now(self, template: Template) -> Any:
        """The same for `execute_now`; `NOT_NOW` when it may take a while, so that `execute` is to do it."""
        ...

    def sources_of(self, value: Template | Expression) -> frozenset[str]:
        """The namespaces that a value comes from, with those behind inputs and items of loops around this step."""
        ...

    async def evaluate(self, expression: Expression, loop: Mapping[str, Any] | None = None) -> Any:
        """The value of an expression as this step sees it, or as an iteration of the loop it is."""
        ...

    def run_action_now(self, bound: BoundAction) -> Any:
        """Run an action that is pure and called in place; give its output."""
        ...

    async def run_action(self, bound: BoundAction) -> Any:
        """Run any action: in a slot of the pool, after what led to it is stored; give its output."""
        ...

    async def once(
        self, name: str, make: Callable[[], Awaitable[T]], event_type: str = VARIABLE_SET
    ) -> T:
        """Compute a JSON value once in an attempt and keep it; when the step goes on later this gives what was kept."""
        ...

    def mark(self, event_type: str, name: str, **payload: Any) -> bool:
        """Put an event about this step into the log, once in an attempt; say whether that was now."""
        ...

    def recorded(self, name: str) -> bool:
        """Whether `once` or `mark` was called with this name in this attempt."""
        ...

    async def run_nested(
        self,
        steps: NestedSteps,
        name: str,
        loop: Mapping[str, Any] | None = None,
        sources: frozenset[str] = frozenset(),
    ) -> Any:
        """Run nested steps in their order; what has settled already is not run again.

        Args:
            steps: The list.
            name: Stands between this step's id and theirs: `iter_0`, `branch_1`.
            loop: `item`, `index`, `last` of the iteration they are, if this step is a loop.
            sources: The namespaces that the item came from.

        Returns:
            The output of the last of them.

        Raises:
            OpcodeError: One of them failed and nothing handled it.
        """
        ...

    async def side_by_side(
        self, works: Sequence[Callable[[], Awaitable[T]]], at_once: int | None = None
    ) -> list[T]:
        """Do several things at once, at most `at_once` of them; give what they gave, in their order.

        Raises:
            OpcodeError: The first that failed; the others began nothing new since, and what ran has ended.
        """
        ...

    async def race(self, works: Sequence[Callable[[], Awaitable[T]]]) -> tuple[int, T]:
        """Do several things at once until one has succeeded; the others are stopped.

        Returns:
            The position of the one that did, and what it gave.

        Raises:
            OpcodeError: All failed; it is the error of the first that did.
        """
        ...

    async def sleep(self, seconds: float, name: str = "sleep") -> float:
        """Wait; a restart neither begins the time anew nor forgets it. Gives the seconds it was.

        Args:
            seconds: How long, from when it is first called in this attempt.
            name: Tells one pause of an attempt from another.
        """
        ...

    async def receive(self, signal: str, seconds: float | None = None) -> Any:
        """Wait for a `data` signal of this name, or one that came before; give its payload.

        Raises:
            StepTimeoutError: None came within so many seconds.
        """
        ...

    async def decide(self, ask: Callable[[], Awaitable[Question]]) -> dict[str, Any]:
        """Ask an agent or a person, and wait for the answer: `{choice, reasoning?, data?, resolved_by}`.

        Args:
            ask: Makes the question; called once in an attempt.

        Raises:
            StepTimeoutError: Nobody answered in time, and there is no fallback.
        """
        ...
