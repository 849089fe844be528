"""What is known while an expression is compiled: names, and what the expression turns out to use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from opcode_core import ExpressionSyntaxError, ReadPath

from opcode_expr_cel.errors import nearest, shortened
from opcode_expr_cel.frame import FIRST_SLOT, Code
from opcode_expr_cel.nodes import Name, Node

RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "package",
        "namespace",
        "null",
        "return",
        "true",
        "var",
        "void",
        "while",
    ]
)
_HINTS = {
    "loop": "write iter.item / iter.index in CEL",
    "secrets": "an expression cannot read secrets; only a step's params can",
    "this": "name the variable of a macro, as in items.filter(x, x > 1)",
}


class Scope:
    """The state of one compilation.

    Args:
        source: The source, for hints.
        names: Each identifier that may be read, with the variable it stands for.
        code: Compiles a node within this scope.
    """

    def __init__(
        self, source: str, names: Mapping[str, str], code: Callable[[Scope, Node], Code]
    ) -> None:
        self._source = source
        self.names = names
        self.reads: list[ReadPath] = []
        self.quick = True
        self.unknown: list[ExpressionSyntaxError] = []
        """Calls of functions that do not exist: refused, unless a constant makes them moot."""
        self.slots = 0
        self._locals: dict[str, int] = {}
        self._depth = 0
        self._code = code

    def code(self, node: Node) -> Code:
        """Compile a node."""
        return self._code(self, node)

    def local(self, name: Name) -> int | None:
        """Give the place of a macro variable in the frame; None when it is none."""
        return None if name.root else self._locals.get(name.name)

    @contextmanager
    def bound(self, name: Name) -> Iterator[int]:
        """Give a macro variable a place in the frame for as long as its body is compiled.

        Raises:
            ExpressionSyntaxError: The name is a reserved word.
        """
        if name.name in RESERVED:
            raise ExpressionSyntaxError(
                f"`{name.name}` is a reserved word of CEL and cannot name a variable", name.offset
            )
        outer = self._locals
        slot = FIRST_SLOT + self._depth
        self._locals = {**outer, name.name: slot}
        self._depth += 1
        self.slots = max(self.slots, self._depth)
        try:
            yield slot
        finally:
            self._locals = outer
            self._depth -= 1

    def undeclared(self, name: Name) -> ExpressionSyntaxError:
        """Give the error for an identifier that stands for nothing."""
        known = sorted({*self.names, *self._locals})
        hint = _HINTS.get(name.name)
        if hint is None and self._source[name.offset - 1 : name.offset] == "-":
            hint = "if the dash is part of a name, write steps['a-b']"
        if hint is None and name.name in RESERVED:
            hint = "it is a reserved word of CEL"
        if hint is None and (close := nearest(name.name, known)):
            hint = f"did you mean `{close}`?"
        there_is = ", ".join(f"`{one}`" for one in known)
        text = f"there is no `{shortened(name.name)}` in an expression"
        return ExpressionSyntaxError(
            f"{text}: {hint}" if hint else f"{text}: there is {there_is}", name.offset
        )
