"""What goes wrong while an expression is evaluated.

Inside, an error is a light `FaultError`, for `||`, `&&`, `all` and `exists` may swallow thousands
of them; its text is only written when it leaves the engine, and never holds a variable's value.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from opcode_core import ExecutionError, InterpolationError, OpcodeError

from opcode_expr_cel.values import CelMap, kind

_SHOWN_KEYS = 10
_COMPARED_KEYS = 500
_SHOWN_LENGTH = 60


class FaultError(Exception):
    """An error in CEL's sense: `||`, `&&`, `all` and `exists` may absorb it."""

    def public(self) -> OpcodeError:
        """Give the error as the engine's user sees it."""
        raise NotImplementedError


class FailedError(FaultError):
    """Anything but an absent member.

    Args:
        message: What is wrong, without a variable's value.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def public(self) -> OpcodeError:
        """Give an `ExecutionError`."""
        return ExecutionError(self.message)


class AbsentError(FaultError):
    """A path that leads nowhere.

    Args:
        label: How the source says what is looked into, such as `inputs.user`.
        key: The static member name or index; None when it was computed, and so may be a value.
        holder: What was looked into.
    """

    def __init__(self, label: str, key: str | int | None, holder: Any) -> None:
        super().__init__(label, key)
        self.label = label
        self.key = key
        self.holder = holder

    def public(self) -> OpcodeError:
        """Give an `InterpolationError` that says what is there and which name is nearest."""
        label = shortened(self.label)
        what = "such key" if self.key is None else f"`{shortened(str(self.key))}`"
        if isinstance(self.holder, (CelMap, Mapping)):
            return InterpolationError(f"{label} has no {what}: {_there_is(self.holder, self.key)}")
        if isinstance(self.holder, list) and not isinstance(self.key, str):
            index = "the index" if self.key is None else f"index {self.key}"
            return InterpolationError(
                f"{label} has {len(self.holder)} items, counted from 0: {index} is out of range"
            )
        return InterpolationError(f"{label} is {a_kind(self.holder)}: it has no {what}")


class UnboundError(FaultError):
    """A declared variable that has no value here.

    Args:
        name: The variable.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def public(self) -> OpcodeError:
        """Give an `InterpolationError`."""
        return InterpolationError(f"there is no `{self.name}` in this place")


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Give the name most like another; None when none is."""
    known = [one for one in names if len(one) <= _SHOWN_LENGTH]
    close = difflib.get_close_matches(name[:_SHOWN_LENGTH], known, n=1)
    return close[0] if close else None


def shortened(text: str) -> str:
    """Give a text of the source or a key short enough for a message."""
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"


def a_kind(value: Any) -> str:
    """Give a value's type as messages say it: `an int`, `a string`, `null`."""
    name = kind(value)
    if name == "null_type":
        return "null"
    return f"an {name}" if name == "int" else f"a {name}"


def _there_is(holder: Any, key: str | int | None) -> str:
    keys = [str(one) for one in islice(holder, _COMPARED_KEYS)]
    if not keys:
        return "it is empty"
    shown = ", ".join(f"`{shortened(one)}`" for one in sorted(keys)[:_SHOWN_KEYS])
    more = "" if len(holder) <= _SHOWN_KEYS else f" and {len(holder) - _SHOWN_KEYS} more"
    close = nearest(key, keys) if isinstance(key, str) else None
    return f"there is {shown}{more}" + (f"; did you mean `{close}`?" if close else "")
