"""What a step type is, for its author.

    class Announce(StepType):
        name = "announce"
        fields = frozenset({"config"})

        def __init__(self, source: StepSource) -> None:
            self.text = source.template(source.raw.get("config", {}).get("text", ""), "config", "text")

        async def execute(self, step: StepContext) -> Any:
            return {"said": step.resolve(self.text)}

One object of the class is made for each step of a definition when that is planned: it compiles what it needs and
reports what is wrong. Running a step calls `execute`, once for each attempt; it awaits nothing but what `StepContext`
offers, so that it can be run again from the beginning after a restart and on any runtime.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar, Final, Protocol

from opcode_core.actions import Effect
from opcode_core.binding import BoundAction
from opcode_core.expressions import Expression
from opcode_core.model.problems import Problem
from opcode_core.references.tree import Node


class _NotNow(Enum):
    NOT_NOW = "not now"


NOT_NOW: Final = _NotNow.NOT_NOW
"""What `StepType.execute_now` gives when the step has to wait for something."""


Template = Node
"""A value of the definition with its references, compiled; `StepContext.resolve` gives its value."""


class StepSource(Protocol):
    """A step as the definition has it, while it is planned."""

    id: str
    pointer: str
    """JSON Pointer of the step."""
    raw: Mapping[str, Any]
    """The step's members as written; which of them there are and may be is checked already."""

    def report(self, problem: Problem) -> None:
        """Report a problem; an error refuses the definition."""
        ...

    def template(self, value: Any, *path: str | int) -> Template:
        """Compile a value that may hold references; `path` leads to it from the step."""
        ...

    def expression(self, source: str, *path: str | int, engine: str = "cel") -> Expression | None:
        """Compile an expression; None when it does not compile, which is then reported at `path`."""
        ...

    def action(self) -> BoundAction | None:
        """The action that `action` and `params` of the step name; None when it cannot be used, which is reported."""
        ...


class StepContext(Protocol):
    """What a step may do while it runs."""

    step_id: str
    """Its full id."""
    attempt: int
    """1 for the first try."""

    def resolve(self, template: Template) -> Any:
        """The value of a template as this step sees it."""
        ...

    async def evaluate(self, expression: Expression) -> Any:
        """The value of an expression as this step sees it."""
        ...

    def run_action_now(self, bound: BoundAction) -> Any:
        """Run an action that is pure and called in place; give its output."""
        ...

    async def run_action(self, bound: BoundAction) -> Any:
        """Run any action: in a slot of the pool, after what led to it is stored; give its output."""
        ...


class StepType(ABC):
    """A kind of step.

    Attributes:
        name: What a definition says in `type`.
        fields: The members of a step this type reads, beside those every step has.
    """

    name: ClassVar[str]
    fields: ClassVar[frozenset[str]] = frozenset({"config"})

    @abstractmethod
    def __init__(self, source: StepSource) -> None:
        """Compile a step; called once for each step when a definition is planned."""

    @property
    def effect(self) -> Effect:
        """What running the step twice does, as far as the definition shows."""
        return Effect.PURE

    @property
    def holds_slot(self) -> bool:
        """Whether an attempt takes a place in the pool of running actions."""
        return False

    @property
    def in_place(self) -> bool:
        """Whether `execute_now` is worth calling."""
        return False

    def touches(self) -> list[dict[str, Any]]:
        """What of the outside world it could touch: `[{kind, value, certain}]`."""
        return []

    def execute_now(self, step: StepContext) -> Any:  # noqa: ARG002 - for those that override it
        """Run the step without waiting for anything, and give its output; `NOT_NOW` when it has to wait after all."""
        return NOT_NOW

    @abstractmethod
    async def execute(self, step: StepContext) -> Any:
        """Run the step; give its output, any JSON.

        Raises:
            OpcodeError: The attempt failed; anything else raised becomes an EXECUTION_ERROR.
        """
