"""What a step type is, for its author.

    class Announce(StepType):
        name = "announce"

        def __init__(self, source: StepSource) -> None:
            config = source.members({"text": Field("string", required=True)}, "config")
            self.text = source.template(config.get("text"), "config", "text")

        async def execute(self, step: StepContext) -> Any:
            await step.sleep(1.0)
            return {"said": await step.resolve(self.text)}

One object of the class is made for each step of a definition when that is planned: it compiles what it needs and
reports what is wrong. Running a step calls `execute`, once for each attempt; it awaits nothing but what `StepContext`
offers. When the workflow has nothing to do but wait, `execute` is unwound and nothing of it stays in memory; when it
goes on, also after a restart, `execute` is called again from the beginning. What was done already answers at once then:
nested steps that have settled, `once`, a `sleep` that is over, a decision that was made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, Final, Protocol

from opcode_core.actions import Effect
from opcode_core.binding import BoundAction
from opcode_core.expressions import Expression
from opcode_core.fields import Field
from opcode_core.model.problems import Problem
from opcode_core.step_context import NestedSteps, StepContext, Template


class _NotNow(Enum):
    NOT_NOW = "not now"


NOT_NOW: Final = _NotNow.NOT_NOW
"""What `StepType.execute_now` gives when the step has to wait for something."""


class StepSource(Protocol):
    """A step as the definition has it, while it is planned."""

    id: str
    pointer: str
    """JSON Pointer of the step."""
    raw: Mapping[str, Any]
    """The step's members as written; which of them there are and may be is checked already."""
    workflow_timeout: float | None
    """Seconds the whole workflow may take; None for no limit."""

    def report(self, problem: Problem) -> None:
        """Report a problem; an error refuses the definition."""
        ...

    def members(self, fields: Mapping[str, Field], *path: str | int) -> dict[str, Any]:
        """Check the object at `path` member by member; give those that are as they should be, durations as seconds.

        An object that is not there counts as empty.
        """
        ...

    def template(self, value: Any, *path: str | int, accepts: Sequence[str] = ()) -> Template:
        """Compile a value that may hold references.

        Args:
            value: As written.
            path: Leads to it from the step.
            accepts: The JSON types that can be used there, such as `array`: a reference to a value that is declared to
                be something else is reported. Empty for any.
        """
        ...

    def expression(
        self,
        source: Any,
        *path: str | int,
        engine: str | Sequence[str] = "cel",
        in_loop: bool = False,
    ) -> Expression | None:
        """Compile an expression that stands at `path`.

        Args:
            source: Its text, or `{"<engine>": text}`.
            path: Leads to it from the step.
            engine: The language of a text; of several, the first in which it compiles.
            in_loop: Whether it is evaluated in a loop that this step is.

        Returns:
            None when it does not compile, which is reported.
        """
        ...

    def steps(self, value: Any, *path: str | int, in_loop: bool = False) -> NestedSteps | None:
        """Compile a list of nested steps that stands at `path`.

        Args:
            value: The steps as written.
            path: Leads to them from the step.
            in_loop: Whether they are the body of a loop that this step is.

        Returns:
            None when something is wrong with them, which is reported.
        """
        ...

    def limit(self, name: str) -> int:
        """A limit by its name among the settings `limits.…`, such as `loop_items`."""
        ...

    def action(self) -> BoundAction | None:
        """The action that `action` and `params` of the step name; None when it cannot be used, which is reported."""
        ...


class StepType(ABC):
    """A kind of step.

    Attributes:
        name: What a definition says in `type`.
        fields: The members of a step this type reads, beside those every step has.
        config_fields: The members of `config`, so that one which stands beside it can be told where it belongs.
    """

    name: ClassVar[str]
    fields: ClassVar[frozenset[str]] = frozenset({"config"})
    config_fields: ClassVar[Mapping[str, Field]] = {}

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
    def resumes(self) -> bool:
        """Whether `execute` may be called again when the process ended in the middle of it, whatever its effect."""
        return True

    @property
    def in_place(self) -> bool:
        """Whether `execute_now` is worth calling."""
        return False

    @property
    def never_completes(self) -> bool:
        """Whether running it always ends in a failure: what depends on it is told that it is not reached."""
        return False

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        """JSON Schema of what the step gives, for the checks of what refers to it; None when anything may come."""
        return None

    def touches(self) -> list[dict[str, Any]]:
        """What of the outside world it could touch by itself: `[{kind, value, certain}]`."""
        return []

    @property
    def nested(self) -> Sequence[NestedSteps]:
        """The lists of nested steps it may run."""
        return ()

    def execute_now(self, step: StepContext) -> Any:  # noqa: ARG002 - for those that override it
        """Run the step without waiting for anything, and give its output; `NOT_NOW` when it has to wait after all."""
        return NOT_NOW

    @abstractmethod
    async def execute(self, step: StepContext) -> Any:
        """Run the step; give its output, any JSON.

        Raises:
            OpcodeError: The attempt failed; anything else raised becomes an EXECUTION_ERROR.
        """
