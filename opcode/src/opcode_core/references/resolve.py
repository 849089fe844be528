"""Following a path through JSON values, with errors that say what is there; and the text of a value."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from opcode_core.errors import InterpolationError
from opcode_core.jsonio import compact_json, number_text, type_name
from opcode_core.references.parse import Path, path_text
from opcode_core.suggest import did_you_mean, listing

_MOST_NAMES = 1000
_NOTHING: Mapping[Any, Any] = {}


def follow(root: Any, path: Path) -> Any:
    """Follow a path's segments, after its namespace, through JSON values.

    Args:
        root: The value of the namespace.
        path: The whole path, namespace first: it is needed for the error.

    Raises:
        InterpolationError: A segment is not there; the message names what is there and the nearest name.
    """
    value = root
    for position in range(1, len(path)):
        segment = path[position]
        try:
            if type(value) is dict and type(segment) is str:  # the common case, first
                value = value[segment]
            elif isinstance(value, Mapping):
                value = value[segment if isinstance(segment, str) else str(segment)]
            elif isinstance(value, list):
                value = value[_index(segment)]
            else:
                value = _NOTHING[segment]
        except (KeyError, IndexError, ValueError):
            raise missing(value, path, position) from None
    return value


def missing(value: Any, path: Path, position: int) -> InterpolationError:
    """The error for a path whose segment at `position` is not in `value`."""
    before, segment = path_text(path[:position]), path[position]
    whole = path_text(path)
    if isinstance(value, Mapping):
        names = [str(name) for name in islice(value, _MOST_NAMES)]
        found = (
            f"it has {listing(names)}{did_you_mean(str(segment), names)}"
            if names
            else "it is empty"
        )
        message = f"${{{{{whole}}}}}: `{before}` has no `{segment}`: {found}"
    elif isinstance(value, list):
        message = f"${{{{{whole}}}}}: `{before}` is an array of {len(value)} and has no `{segment}`"
    else:
        message = f"${{{{{whole}}}}}: `{before}` is {with_article(type_name(value))} and has no `{segment}`"
    return InterpolationError(message, {"reference": whole})


def text_of(value: Any) -> str:
    """The text of a value inside a longer string.

    Strings as they are, numbers as ECMAScript writes them, objects and arrays as compact JSON.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    return compact_json(value)


def _index(segment: str | int) -> int:
    if isinstance(segment, int):
        return segment
    if segment.isascii() and segment.isdigit():
        return int(segment)
    raise KeyError(segment)


def with_article(name: str) -> str:
    """The name of a JSON type as it stands in a sentence: `an array`, `null`."""
    return name if name == "null" else f"an {name}" if name[0] in "aeiou" else f"a {name}"
