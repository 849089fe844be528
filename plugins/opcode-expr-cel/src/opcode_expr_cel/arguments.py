"""What functions ask of their arguments; each check names the function and the type it got."""

from __future__ import annotations

from typing import Any

from opcode_expr_cel.errors import FailedError, a_kind
from opcode_expr_cel.values import kind


def text(value: Any, function: str) -> str:
    """Give an argument that has to be a string.

    Raises:
        FailedError: It is not.
    """
    if isinstance(value, str):
        return value
    raise FailedError(f"`{function}` needs a string, not {a_kind(value)}")


def integer(value: Any, function: str) -> int:
    """Give an argument that has to be an int.

    Raises:
        FailedError: It is not.
    """
    if kind(value) == "int":
        return int(value)
    raise FailedError(f"`{function}` needs an int, not {a_kind(value)}")


def items(value: Any, function: str) -> list[Any]:
    """Give an argument that has to be a list.

    Raises:
        FailedError: It is not.
    """
    if isinstance(value, list):
        return value
    raise FailedError(f"`{function}` needs a list, not {a_kind(value)}")
