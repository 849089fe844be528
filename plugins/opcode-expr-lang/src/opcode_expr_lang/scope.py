"""What is known while an expression is compiled: names, and what the expression turns out to use."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from opcode_core import ExpressionSyntaxError, ReadPath

from opcode_expr_lang.frame import FIRST_SLOT, Code
from opcode_expr_lang.nodes import Name, Node

ENVIRONMENT = "$env"
"""The name of the map of all variables."""

_SHOWN = 60
_HINTS = {
    "loop": "write iter.item / iter.index in Expr",
    "secrets": "an expression cannot read secrets; only a step's params can",
    "null": "nothing is written `nil`",
    "None": "nothing is written `nil`",
}


@dataclass(frozen=True, slots=True)
class Predicate:
    """Where a predicate finds what it looks at.

    Attributes:
        item: The place of `#` in the frame; `#index` is the next one.
        accumulator: The place of `#acc`; None outside of `reduce`.
    """

    item: int
    accumulator: int | None

    @property
    def index(self) -> int:
        """The place of `#index`."""
        return self.item + 1


class Scope:
    """The state of one compilation.

    Args:
        names: Each identifier that may be read, with the variable it stands for.
        code: Compiles a node within this scope.
    """

    def __init__(self, names: Mapping[str, str], code: Callable[[Scope, Node], Code]) -> None:
        self.names = names
        self.reads: list[ReadPath] = []
        self.quick = True
        self.slots = 0
        self.predicate: Predicate | None = None
        self._locals: dict[str, int] = {}
        self._used = 0
        self._code = code

    def code(self, node: Node) -> Code:
        """Compile a node."""
        return self._code(self, node)

    def slow_code(self, node: Node) -> Code:
        """Compile a node whose time hangs on the size of values."""
        self.quick = False
        return self._code(self, node)

    def local(self, name: str) -> int | None:
        """The place of what `let` named; None when it is no such name."""
        return self._locals.get(name)

    @contextmanager
    def block(self) -> Iterator[None]:
        """Forget what `let` names inside when it ends."""
        outer, used = self._locals, self._used
        self._locals = dict(outer)
        yield
        self._locals, self._used = outer, used

    def declare(self, name: str, offset: int, taken: Iterable[str]) -> int:
        """Give a name that `let` introduces a place in the frame.

        Args:
            name: The name.
            offset: Where it stands.
            taken: Names of functions, which cannot be taken.

        Raises:
            ExpressionSyntaxError: It is taken.
        """
        if name in self.names or name in self._locals or name in taken or name == ENVIRONMENT:
            raise ExpressionSyntaxError(
                f"`{shortened(name)}` is taken already: give the value another name", offset
            )
        slot = self._take(1)
        self._locals[name] = slot
        return slot

    @contextmanager
    def predicates(self, *, accumulates: bool = False) -> Iterator[Predicate]:
        """Give a predicate places in the frame for as long as it is compiled."""
        outer, used = self.predicate, self._used
        slot = self._take(3 if accumulates else 2)
        self.predicate = Predicate(slot, slot + 2 if accumulates else None)
        yield self.predicate
        self.predicate, self._used = outer, used

    def _take(self, places: int) -> int:
        slot = FIRST_SLOT + self._used
        self._used += places
        self.slots = max(self.slots, self._used)
        return slot

    def undeclared(self, name: Name) -> ExpressionSyntaxError:
        """The error for a name that stands for nothing."""
        known = sorted({*self.names, *self._locals})
        hint = _HINTS.get(name.name)
        if hint is None and (close := nearest(name.name, known)):
            hint = f"did you mean `{close}`?"
        said = hint or f"there is {', '.join(f'`{one}`' for one in known)}"
        return ExpressionSyntaxError(
            f"there is no `{shortened(name.name)}` in an expression: {said}", name.offset
        )


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name most like another; None when none is."""
    close = difflib.get_close_matches(name[:_SHOWN], list(names), n=1)
    return close[0] if close else None


def shortened(name: str) -> str:
    """A name of the source, short enough for a message."""
    return name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…"
