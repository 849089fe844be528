"""What numbers in a source stand for."""

from __future__ import annotations

import math

from opcode_core import ExpressionSyntaxError

_MAX_INT = 2**63 - 1


def number(text: str, offset: int) -> int | float:
    """Read a literal.

    Args:
        text: How it is written: decimal, `0x`, `0b`, `0o`, with `_` between digits.
        offset: Where it stands.

    Raises:
        ExpressionSyntaxError: It is beyond 64 bits or no number.
    """
    digits = text.replace("_", "")
    base = {"0x": 16, "0b": 2, "0o": 8}.get(digits[:2].lower())
    try:
        if base is None and any(mark in digits for mark in ".eE"):
            return _finite(float(digits), offset)
        value = int(digits, base or 10)
    except ValueError:
        raise ExpressionSyntaxError(f"`{text}` is no number", offset) from None
    if value > _MAX_INT:
        raise ExpressionSyntaxError(
            "an integer beyond 64 bits: write it as a string or as a float", offset
        )
    return value


def _finite(value: float, offset: int) -> float:
    if math.isinf(value):
        raise ExpressionSyntaxError("a float beyond what 64 bits hold", offset)
    return value
