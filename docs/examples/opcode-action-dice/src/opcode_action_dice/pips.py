"""The engine `pips`: `steps.throw.rolls >= 7`, true when the dice at a path add up to enough."""

from __future__ import annotations

import operator
import re

from opcode_core import (
    ExecutionError,
    Expression,
    ExpressionLimits,
    ExpressionSyntaxError,
    InterpolationError,
    ReadPath,
    Variables,
)

_SOURCE = re.compile(r"\s*([a-z]+(?:\.[A-Za-z0-9_-]+)+)\s*(>=|<=|==|>|<)\s*([0-9]{1,9})\s*")
_COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


class PipsEngine:
    """Compiles comparisons of dice (`ExpressionEngine`).

    Args:
        limits: How large a source may be.
    """

    name = "pips"

    def __init__(self, limits: ExpressionLimits) -> None:
        self._limits = limits

    def compile(self, source: str, *, extra: object = None) -> Expression:  # noqa: ARG002 - there are no names to add
        """Compile `PATH OPERATOR NUMBER`.

        Raises:
            ExpressionSyntaxError: It is anything else, or too large.
        """
        if len(source.encode()) > self._limits.source_bytes:
            raise ExpressionSyntaxError(f"at most {self._limits.source_bytes} bytes")
        match = _SOURCE.fullmatch(source)
        if match is None:
            raise ExpressionSyntaxError(
                "write a path, a comparison and a number: `steps.a.rolls >= 7`"
            )
        return PipsExpression(source, tuple(match[1].split(".")), match[2], int(match[3]))


class PipsExpression:
    """One comparison (`Expression`).

    Args:
        source: As it was written.
        path: Where the dice are.
        comparison: How they are compared.
        number: What they are compared with.
    """

    quick = True

    def __init__(self, source: str, path: ReadPath, comparison: str, number: int) -> None:
        self.source = source
        self.reads: tuple[ReadPath, ...] = (path,)
        self._path = path
        self._compare = _COMPARE[comparison]
        self._number = number

    def evaluate(self, variables: Variables) -> bool:
        """Add up the dice and compare.

        Raises:
            InterpolationError: The path leads nowhere.
            ExecutionError: It leads to something else than dice.
        """
        value = variables
        for name in self._path:
            try:
                value = value[str(name)]
            except (KeyError, TypeError):
                raise InterpolationError(
                    f"there is no `{name}` on the path of `{self.source}`"
                ) from None
        if not isinstance(value, list) or not all(type(die) is int for die in value):
            raise ExecutionError(f"`{self.source}` needs a list of integers")
        return bool(self._compare(sum(value), self._number))
