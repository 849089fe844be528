"""The engine: limits, names, a cache, and what an evaluation may end in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import monotonic
from typing import Any

from opcode_core import (
    ExecutionError,
    ExpressionLimits,
    ExpressionSyntaxError,
    ReadPath,
    Variables,
)

from opcode_expr_cel.compile import compile_source
from opcode_expr_cel.convert import to_json
from opcode_expr_cel.errors import FaultError
from opcode_expr_cel.frame import Code, ExhaustedError

VARIABLES = ("steps", "inputs", "workflow", "context", "iter")
"""What an expression may read."""

_CACHED = 1024
_JSON = frozenset({type(None), bool, int, str, dict, list})


class CelExpression:
    """A compiled expression; several threads may evaluate it at once.

    Args:
        source: The text it was compiled from.
        code: What runs it.
        reads: See `opcode_core.Expression`.
        quick: See `opcode_core.Expression`.
        slots: How many macro variables it has at most at one time.
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
            variables: `steps`, `inputs` and so on; a declared one may be absent.

        Raises:
            InterpolationError: A member or item is read that is not there.
            ExecutionError: Types that do not fit, a number out of range, too much time or memory.
        """
        seconds = self._seconds
        deadline = 0.0 if self.quick else monotonic() + seconds
        try:
            value = self._code([variables, 0, deadline, seconds, *self._room])
            if value is True or value is False or value.__class__ in _JSON:
                return value
            return to_json(value, [variables, 0, deadline, seconds])
        except FaultError as fault:
            error = fault.public()
        except ExhaustedError as exhausted:
            error = ExecutionError(exhausted.message)
        except RecursionError:
            error = ExecutionError("the expression or a value in it is nested too deep")
        except MemoryError:
            error = ExecutionError("there is not enough memory to evaluate the expression")
        raise error from None


class CelEngine:
    """CEL for OPCODE.

    Args:
        variables: The identifiers an expression may read.
        aliases: More identifiers, each with the variable it stands for.
        limits: How large an expression may be, and how long it may take.
    """

    name = "cel"

    def __init__(
        self,
        variables: Sequence[str] = VARIABLES,
        aliases: Mapping[str, str] | None = None,
        limits: ExpressionLimits = ExpressionLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._limits = limits
        self._names = {**{name: name for name in variables}, **(aliases or {})}
        self._compiled = lru_cache(maxsize=_CACHED)(self._compile)

    def compile(self, source: str, *, extra: Mapping[str, str] | None = None) -> CelExpression:
        """Compile a source; the last thousand are kept.

        Args:
            source: The expression.
            extra: More identifiers for this source, each with the variable it stands for, such as
                `{"loop": "iter"}`.

        Raises:
            ExpressionSyntaxError: It is no CEL, too large, nested too deep, or names a variable or
                function that does not exist.
        """
        return self._compiled(source, tuple(sorted((extra or {}).items())))

    def _compile(self, source: str, extra: tuple[tuple[str, str], ...]) -> CelExpression:
        try:
            code, scope = compile_source(source, {**self._names, **dict(extra)}, self._limits)
        except RecursionError:
            raise ExpressionSyntaxError(
                "the expression is nested too deep: split it or use fewer brackets"
            ) from None
        return CelExpression(
            source,
            code,
            reads=tuple(scope.reads),
            quick=scope.quick,
            slots=scope.slots,
            seconds=self._limits.seconds,
        )
