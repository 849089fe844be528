"""The engine: names, a cache, and what an evaluation may end in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from opcode_core import (
    ExecutionError,
    ExpressionLimits,
    ExpressionSyntaxError,
    ReadPath,
    Variables,
)

from opcode_expr_lang.compile import compile_source
from opcode_expr_lang.frame import Code, new_frame
from opcode_expr_lang.results import to_plain

VARIABLES = ("steps", "inputs", "workflow", "context", "iter")
"""What an expression may read."""

_CACHED = 1024
_JSON = frozenset({type(None), bool, int, str, dict, list})


class CompiledExpr:
    """A compiled expression; several threads may evaluate it at once.

    Args:
        source: The text it was compiled from.
        code: What runs it.
        reads: See `opcode_core.Expression`.
        quick: See `opcode_core.Expression`.
        slots: How many values it holds on to at most at one time.
        seconds: How long an evaluation may take.
    """

    __slots__ = ("_code", "_room", "_seconds", "quick", "reads", "source")

    def __init__(
        self,
        source: str,
        code: Code,
        *,
        reads: tuple[ReadPath, ...],
        quick: bool,
        slots: int,
        seconds: float,
    ) -> None:
        self.source = source
        self.reads = reads
        self.quick = quick
        self._code = code
        self._seconds = seconds
        self._room = (None,) * slots

    def evaluate(self, variables: Variables) -> Any:
        """Give the result as plain JSON; what is read from a variable is given as it is.

        Args:
            variables: `steps`, `inputs` and so on; one that is absent is nil.

        Raises:
            ExecutionError: Types that do not fit, a number out of range, too much time or memory, or a result that
                JSON cannot hold.
        """
        try:
            value = self._code(new_frame(variables, self._seconds, self._room))
            if value.__class__ in _JSON:
                return value
            return to_plain(variables, value, self._seconds)
        except ExecutionError as failed:
            error = failed
        except RecursionError:
            error = ExecutionError("the expression or a value in it is nested too deep")
        except MemoryError:
            error = ExecutionError("there is not enough memory to evaluate the expression")
        except RuntimeError:  # another branch of the workflow wrote while a map was gone through
            error = ExecutionError("a variable changed while the expression read it: try again")
        raise error from None


class ExprEngine:
    """The Expr language for OPCODE.

    Args:
        variables: The identifiers an expression may read.
        aliases: More identifiers, each with the variable it stands for.
        limits: How large an expression may be, and how long it may take.
    """

    name = "expr"

    def __init__(
        self,
        variables: Sequence[str] = VARIABLES,
        aliases: Mapping[str, str] | None = None,
        limits: ExpressionLimits = ExpressionLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._limits = limits
        self._names = {**{name: name for name in variables}, **(aliases or {})}
        self._compiled = lru_cache(maxsize=_CACHED)(self._compile)

    def compile(self, source: str, *, extra: Mapping[str, str] | None = None) -> CompiledExpr:
        """Compile a source; the last thousand are kept.

        Args:
            source: The expression.
            extra: More identifiers for this source, each with the variable it stands for, such as
                `{"loop": "iter"}`.

        Raises:
            ExpressionSyntaxError: It is no Expr, too large, nested too deep, or names a variable or function that does
                not exist.
        """
        return self._compiled(source, tuple(sorted((extra or {}).items())))

    def _compile(self, source: str, extra: tuple[tuple[str, str], ...]) -> CompiledExpr:
        try:
            code, scope = compile_source(source, {**self._names, **dict(extra)}, self._limits)
        except RecursionError:
            raise ExpressionSyntaxError(
                "the expression is nested too deep: split it or use fewer brackets"
            ) from None
        return CompiledExpr(
            source,
            code,
            reads=tuple(scope.reads),
            quick=scope.quick,
            slots=scope.slots,
            seconds=self._limits.seconds,
        )
