"""Every function an expression may call, by its name and the way it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from opcode_expr_cel import convert, functions_math, functions_text
from opcode_expr_cel.arguments import text
from opcode_expr_cel.errors import FailedError, a_kind
from opcode_expr_cel.functions_format import format_
from opcode_expr_cel.patterns import matches
from opcode_expr_cel.times import PARTS, part
from opcode_expr_cel.values import TYPE_NAMES, CelMap, Duration, Timestamp, TypeName, kind

_MANY = 1_000


@dataclass(frozen=True, slots=True)
class Function:
    """A function.

    Args:
        run: Called with the target, if any, and the arguments; raises a `FaultError`.
        least: How many values it takes at least, the target counted.
        most: How many at most.
        produces: Whether its result is a new string, bytes or list that counts as produced.
    """

    run: Callable[..., Any]
    least: int
    most: int
    produces: bool = False


def _size(value: Any) -> int:
    if isinstance(value, (str, bytes, list, CelMap, Mapping)):
        return len(value)
    raise FailedError(f"`size` needs a string, bytes, a list or a map, not {a_kind(value)}")


def _type(value: Any) -> TypeName:
    return TYPE_NAMES[kind(value)]


def _dyn(value: Any) -> Any:
    return value


def _part(name: str, value: Any, zone: Any = None) -> int:
    if not isinstance(value, (Timestamp, Duration)):
        raise FailedError(f"`{name}` needs a timestamp or a duration, not {a_kind(value)}")
    return part(value, name, None if zone is None else text(zone, name))


FUNCTIONS: dict[str, Function] = {
    "size": Function(_size, 1, 1),
    "matches": Function(matches, 2, 2),
    "type": Function(_type, 1, 1),
    "dyn": Function(_dyn, 1, 1),
    "int": Function(convert.to_int, 1, 1),
    "uint": Function(convert.to_uint, 1, 1),
    "double": Function(convert.to_double, 1, 1),
    "bool": Function(convert.to_bool, 1, 1),
    "string": Function(convert.to_string, 1, 1, produces=True),
    "bytes": Function(convert.to_bytes, 1, 1, produces=True),
    "timestamp": Function(convert.to_timestamp, 1, 1),
    "duration": Function(convert.to_duration, 1, 1),
    "strings.quote": Function(functions_text.quote, 1, 1, produces=True),
    "math.greatest": Function(functions_math.greatest, 1, _MANY),
    "math.least": Function(functions_math.least, 1, _MANY),
    "math.ceil": Function(functions_math.ceil, 1, 1),
    "math.floor": Function(functions_math.floor, 1, 1),
    "math.round": Function(functions_math.round_, 1, 1),
    "math.trunc": Function(functions_math.trunc, 1, 1),
    "math.abs": Function(functions_math.absolute, 1, 1),
    "math.sign": Function(functions_math.sign, 1, 1),
    "math.sqrt": Function(functions_math.sqrt, 1, 1),
    "math.isNaN": Function(functions_math.is_nan, 1, 1),
    "math.isInf": Function(functions_math.is_inf, 1, 1),
    "math.isFinite": Function(functions_math.is_finite, 1, 1),
    "math.bitAnd": Function(functions_math.bit_and, 2, 2),
    "math.bitOr": Function(functions_math.bit_or, 2, 2),
    "math.bitXor": Function(functions_math.bit_xor, 2, 2),
    "math.bitNot": Function(functions_math.bit_not, 1, 1),
    "math.bitShiftLeft": Function(functions_math.shift_left, 2, 2),
    "math.bitShiftRight": Function(functions_math.shift_right, 2, 2),
}
"""Called as `size(x)` or `math.abs(x)`."""

METHODS: dict[str, Function] = {
    "size": FUNCTIONS["size"],
    "matches": FUNCTIONS["matches"],
    "contains": Function(functions_text.contains, 2, 2),
    "startsWith": Function(functions_text.starts_with, 2, 2),
    "endsWith": Function(functions_text.ends_with, 2, 2),
    "charAt": Function(functions_text.char_at, 2, 2),
    "indexOf": Function(functions_text.index_of, 2, 3),
    "lastIndexOf": Function(functions_text.last_index_of, 2, 3),
    "join": Function(functions_text.join, 1, 2, produces=True),
    "lowerAscii": Function(functions_text.lower_ascii, 1, 1, produces=True),
    "upperAscii": Function(functions_text.upper_ascii, 1, 1, produces=True),
    "replace": Function(functions_text.replace, 3, 4, produces=True),
    "split": Function(functions_text.split, 2, 3, produces=True),
    "substring": Function(functions_text.substring, 2, 3, produces=True),
    "trim": Function(functions_text.trim, 1, 1, produces=True),
    "reverse": Function(functions_text.reverse, 1, 1, produces=True),
    "format": Function(format_, 2, 2, produces=True),
    **{name: Function(partial(_part, name), 1, 2) for name in PARTS},
}
"""Called as `x.size()`."""

NAMESPACES = frozenset(name.split(".")[0] for name in FUNCTIONS if "." in name)
"""What stands before the dot in names of functions."""
