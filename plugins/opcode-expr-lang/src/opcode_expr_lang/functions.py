"""The functions there are, with how many arguments they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from opcode_expr_lang import (
    functions_convert,
    functions_list,
    functions_map,
    functions_number,
    functions_text,
    functions_time,
)

ANY_NUMBER = 1 << 30
"""The most arguments of a function that takes any number."""


class Function(NamedTuple):
    """A function.

    Attributes:
        run: Takes the evaluation and the arguments.
        least: How many arguments it takes at least.
        most: How many it takes at most.
        quick: Whether its time does not hang on the size of its arguments.
    """

    run: Callable[..., Any]
    least: int = 1
    most: int = 1
    quick: bool = False


_NUMBER = functions_number
_TEXT = functions_text
_LIST = functions_list
_MAP = functions_map
_CONVERT = functions_convert
_TIME = functions_time

FUNCTIONS: dict[str, Function] = {
    "abs": Function(_NUMBER.absolute, quick=True),
    "ceil": Function(_NUMBER.ceil, quick=True),
    "floor": Function(_NUMBER.floor, quick=True),
    "round": Function(_NUMBER.round_half_away, quick=True),
    "max": Function(_NUMBER.maximum, 1, ANY_NUMBER),
    "min": Function(_NUMBER.minimum, 1, ANY_NUMBER),
    "mean": Function(_NUMBER.mean, 1, ANY_NUMBER),
    "median": Function(_NUMBER.median, 1, ANY_NUMBER),
    **{name: Function(run, 2, 2, quick=True) for name, run in _NUMBER.BITS.items()},
    "bitnot": Function(_NUMBER.bit_not, quick=True),
    "type": Function(_CONVERT.type_of, quick=True),
    "int": Function(_CONVERT.to_int, quick=True),
    "float": Function(_CONVERT.to_float, quick=True),
    "string": Function(_CONVERT.to_string),
    "toJSON": Function(_CONVERT.to_json_text),
    "fromJSON": Function(_CONVERT.from_json_text),
    "toBase64": Function(_CONVERT.to_base64),
    "fromBase64": Function(_CONVERT.from_base64),
    "trim": Function(_TEXT.trim, 1, 2),
    "trimPrefix": Function(_TEXT.trim_prefix, 1, 2),
    "trimSuffix": Function(_TEXT.trim_suffix, 1, 2),
    "upper": Function(_TEXT.upper),
    "lower": Function(_TEXT.lower),
    "split": Function(_TEXT.split, 2, 3),
    "splitAfter": Function(_TEXT.split_after, 2, 3),
    "replace": Function(_TEXT.replace, 3, 4),
    "repeat": Function(_TEXT.repeat, 2, 2),
    "join": Function(_TEXT.join, 1, 2),
    "indexOf": Function(_TEXT.index_of, 2, 2),
    "lastIndexOf": Function(_TEXT.last_index_of, 2, 2),
    "hasPrefix": Function(_TEXT.has_prefix, 2, 2),
    "hasSuffix": Function(_TEXT.has_suffix, 2, 2),
    "len": Function(_LIST.length, quick=True),
    "first": Function(_LIST.first, quick=True),
    "last": Function(_LIST.last, quick=True),
    "get": Function(_LIST.get, 2, 2, quick=True),
    "take": Function(_LIST.take, 2, 2),
    "concat": Function(_LIST.concat, 1, ANY_NUMBER),
    "flatten": Function(_LIST.flatten),
    "reverse": Function(_LIST.reverse),
    "uniq": Function(_LIST.uniq),
    "sort": Function(_LIST.sort, 1, 2),
    "keys": Function(_MAP.keys),
    "values": Function(_MAP.values),
    "toPairs": Function(_MAP.to_pairs),
    "fromPairs": Function(_MAP.from_pairs),
    "now": Function(_TIME.now, 0, 1, quick=True),
    "duration": Function(_TIME.to_duration, quick=True),
    "date": Function(_TIME.date, 1, 4),
    "timezone": Function(_TIME.timezone),
}
"""Every function without a predicate."""
