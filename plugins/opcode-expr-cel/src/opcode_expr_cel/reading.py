"""Members and items at run time: `a.b`, `a[0]`, `has(a.b)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from opcode_expr_cel.errors import AbsentError, FailedError, UnboundError, a_kind
from opcode_expr_cel.frame import VARIABLES, Code, Frame
from opcode_expr_cel.values import CelMap, Uint, kind

Step: TypeAlias = Callable[[Any, Frame], Any]
"""One part of a chain: gets the value before it."""


def variable(root: str, names: tuple[str, ...], label: str) -> Code:
    """Compile a variable and the members that follow it; `label` is how the source says it."""
    if len(names) == 1:
        return _variable_member(root, names[0], label)
    if not names:
        return _variable(root, label)

    def read(frame: Frame) -> Any:
        try:
            value = frame[VARIABLES][root]
        except KeyError:
            raise UnboundError(label) from None
        try:
            for name in names:
                if value.__class__ is dict or isinstance(value, Mapping):
                    value = value[name]
                else:
                    break
            else:
                return value
        except KeyError:
            pass
        return _walk(frame[VARIABLES][root], names, label)

    return read


def _variable(root: str, label: str) -> Code:
    def read(frame: Frame) -> Any:
        try:
            return frame[VARIABLES][root]
        except KeyError:
            raise UnboundError(label) from None

    return read


def _variable_member(root: str, name: str, label: str) -> Code:
    def read(frame: Frame) -> Any:
        try:
            holder = frame[VARIABLES][root]
        except KeyError:
            raise UnboundError(label) from None
        if holder.__class__ is dict and name in holder:
            return holder[name]
        return member(holder, name, label)

    return read


def local(slot: int, name: str, names: tuple[str, ...]) -> Code:
    """Compile a macro variable and the members that follow it."""
    if not names:
        return lambda frame: frame[slot]
    if len(names) == 1:
        return _local_member(slot, name, names[0])
    return lambda frame: _walk(frame[slot], names, name)


def _local_member(slot: int, name: str, member_name: str) -> Code:
    def read(frame: Frame) -> Any:
        holder = frame[slot]
        if holder.__class__ is dict and member_name in holder:
            return holder[member_name]
        return member(holder, member_name, name)

    return read


def _walk(value: Any, names: tuple[str, ...], label: str) -> Any:
    for at, name in enumerate(names):
        if value.__class__ is dict and name in value:
            value = value[name]
        else:
            value = member(value, name, labelled(label, names[:at]))
    return value


def member(holder: Any, name: str, label: str) -> Any:
    """Give a member of a map.

    Args:
        holder: What is looked into.
        name: The member, as the source says it.
        label: How the source says the holder.

    Raises:
        AbsentError: There is none, or the holder is no map.
    """
    if isinstance(holder, (dict, CelMap, Mapping)):
        try:
            return holder[name]
        except KeyError:
            pass
    raise AbsentError(label, name, holder)


def has_member(holder: Any, name: str, label: str) -> bool:
    """Whether a map has a member: `has(label.name)`.

    Raises:
        AbsentError: The holder is no map.
    """
    if isinstance(holder, (dict, CelMap, Mapping)):
        return name in holder
    raise AbsentError(label, name, holder)


def item(holder: Any, key: Any, label: str, *, shown: bool) -> Any:
    """Give an item of a list or a map.

    Args:
        holder: What is looked into.
        key: The index or the key.
        label: How the source says the holder.
        shown: Whether the key stands in the source, and so may stand in a message.

    Raises:
        AbsentError: There is none, or the holder has no items.
        FailedError: The key is of a type that cannot be an index.
    """
    if isinstance(holder, list):
        at = _index(key)
        if 0 <= at < len(holder):
            return holder[at]
        raise AbsentError(label, at if shown else None, holder)
    if isinstance(holder, CelMap):
        if key in holder:
            return holder[key]
    elif isinstance(holder, Mapping):
        if isinstance(key, str):
            try:
                return holder[key]
            except KeyError:
                pass
    else:
        raise FailedError(f"{label} is {a_kind(holder)}, which has no items")
    raise AbsentError(label, key if shown and isinstance(key, (str, int)) else None, holder)


def _index(key: Any) -> int:
    if kind(key) == "int":
        return int(key)
    if isinstance(key, Uint):
        return key.value
    if isinstance(key, float) and key.is_integer():
        return int(key)
    fraction = " with a fraction" if isinstance(key, float) else ""
    raise FailedError(f"the index of a list is an int, not {a_kind(key)}{fraction}")


def labelled(label: str, keys: tuple[str | int, ...]) -> str:
    """Give the label of what a path leads to, such as `steps.a['b-c'].items[0]`."""
    for key in keys:
        if isinstance(key, int):
            label += f"[{key}]"
        elif key.isidentifier():
            label += f".{key}"
        else:
            label += f"[{key!r}]"
    return label
