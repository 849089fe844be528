"""Functions of maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opcode_core import ExecutionError

from opcode_expr_lang.frame import Frame, charge
from opcode_expr_lang.values import Array, Groups, a_kind, array

_PAIR = 2


def keys(frame: Frame, value: Any) -> Array:
    """`keys`, in the map's own order."""
    return Array(_map(frame, value, "keys"))


def values(frame: Frame, value: Any) -> Array:
    """`values`."""
    return Array(_map(frame, value, "values").values())


def to_pairs(frame: Frame, value: Any) -> Array:
    """`toPairs`: `[[key, value], …]`."""
    entries = _map(frame, value, "toPairs")
    charge(frame, _PAIR * len(entries))
    return Array(Array(pair) for pair in entries.items())


def from_pairs(frame: Frame, value: Any) -> Groups:
    """`fromPairs`: of equal keys the last one counts."""
    pairs = array(value, "fromPairs")
    charge(frame, len(pairs))
    built = Groups()
    for pair in pairs:
        if len(array(pair, "fromPairs")) != _PAIR:
            raise ExecutionError("`fromPairs` needs pairs: lists of a key and a value")
        built.put(*pair)
    return built


def _map(frame: Frame, value: Any, name: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ExecutionError(f"`{name}` needs a map, not {a_kind(value)}")
    charge(frame, len(value))
    return value
