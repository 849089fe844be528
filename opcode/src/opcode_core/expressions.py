"""What an expression engine is, for the core that uses one and for the author of another.

An engine is registered under a name (`cel`, `jq`, `expr`) by `opcode_register_expression_engines`, and made with the
limits that the settings set. Sources are compiled once, when a definition is planned; running a workflow only
evaluates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

MAX_NODES = 1_000_000


@dataclass(frozen=True, slots=True)
class ExpressionLimits:
    """What an administrator allows expressions, of whatever language.

    Attributes:
        source_bytes: Bytes of a source as UTF-8.
        depth: How deep parentheses, brackets and braces may be nested.
        seconds: How long an evaluation may take.
    """

    source_bytes: int = 4096
    depth: int = 50
    seconds: float = 1.0


Variables = Mapping[str, Any]
"""`steps`, `inputs`, `workflow`, `context` and, in a loop, `iter`: JSON values, where an object is any `Mapping`
(not always a `dict`) and a list is a `list`. They are shared with the engine's user: never change one."""

ReadPath = tuple[str | int, ...]
"""A path an expression reads as far as it is written out, such as `("steps", "fetch", "output", "body")`."""


class ExpressionSyntaxError(Exception):
    """A source that does not compile.

    Args:
        message: What is wrong and, if known, what to write instead; never a value of a variable.
        offset: Where in the source, in characters from 0; None when that is unknown.
    """

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@runtime_checkable
class Expression(Protocol):
    """A compiled expression; it may be evaluated by several threads at once."""

    source: str
    """The text it was compiled from."""
    reads: tuple[ReadPath, ...]
    """The paths it reads from its variables, one for each place: what the checks at define look at."""
    quick: bool
    """Whether its time is bounded by its own size (no macros, no patterns): evaluated in place, else in a thread."""

    def evaluate(self, variables: Variables) -> Any:
        """Give the result as plain JSON.

        Raises:
            InterpolationError: A member that is not there is read.
            ExecutionError: Anything else goes wrong, or it takes longer than the limits allow; never with a value of
                a variable in its text.
        """
        ...


class ExpressionEngine(Protocol):
    """A language that `condition`, `loop.over` and their like may be written in."""

    name: str
    """How a definition names it: lower-case letters and digits."""

    def compile(self, source: str, *, extra: Mapping[str, str] | None = None) -> Expression:
        """Compile a source; called at define and at most once per source and plan.

        Args:
            source: The expression.
            extra: Further names for variables: `{"loop": "iter"}` lets `loop` stand for `iter`.

        Raises:
            ExpressionSyntaxError: It does not compile, is larger or nested deeper than the limits allow, or names a
                variable that does not exist.
        """
        ...
