"""JSON at the edges and inside: strict parsing, compact and canonical writing, the text of numbers.

Everything that comes from outside goes through `parse_json`; inside, values are written by orjson.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from opcode_core.errors import LimitExceededError, ValidationError

MAX_DEPTH = 200
"""How deep objects and arrays may be nested in what is read at all; settings may allow less of it."""
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1
"""Integers between these two are exact; beyond, they are refused."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.|\\\Z)*(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)


def parse_json(text: str | bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """Parse JSON from outside, strictly.

    Args:
        text: The JSON text; bytes are UTF-8.
        max_depth: How deep arrays and objects may be nested.

    Raises:
        ValidationError: It is no JSON, or NaN, Infinity, a duplicate key, a lone surrogate or an integer beyond 64
            bits is in it.
        LimitExceededError: It is nested too deep.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValidationError(f"not UTF-8: byte {error.start} cannot be read") from None
    _check_nesting(text, max_depth)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        raise ValidationError(
            f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from None
    if _SURROGATE.search(text) or (_ESCAPED_SURROGATE.search(text) and _has_surrogate(value)):
        raise ValidationError("a text holds half of a surrogate pair, which is no character")
    return value


def compact_json(value: Any) -> str:
    """Write a JSON value without spaces, characters as they are, keys in their order."""
    return write_json(value).decode("utf-8")


def canonical_json(value: Any) -> str:
    """Write a JSON value with sorted keys and no spaces, so that equal values give equal text."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain
    )


def write_json(value: Any, *, room: int = 0) -> bytes:
    """Write a JSON value as compact UTF-8.

    Args:
        value: The value.
        room: How many levels of nesting are left free for what the value will be wrapped in.

    Raises:
        ValidationError: It is not JSON: a type JSON does not have, NaN or Infinity, a lone surrogate, an integer beyond
            64 bits, or nested beyond what can be written.
    """
    try:
        text = orjson.dumps(value, default=_plain, option=_STRICT)
    except (TypeError, RecursionError) as error:
        raise ValidationError(f"not JSON: {_why(error)}") from None
    if b"null" in text and _has_nan(value):  # orjson writes NaN and Infinity as null
        raise ValidationError("not JSON: NaN and Infinity are no JSON numbers")
    if room and text.count(b"[") + text.count(b"{") > _MOST_NESTED - room:
        for _ in range(room):
            value = [value]
        write_json(value)
    return text


read_json = orjson.loads
"""Read JSON that we wrote ourselves."""

Fragment = orjson.Fragment
"""JSON text that is put into a larger one as it is."""

_SCALARS = (str, int, float, bool, type(None))
_MOST_NESTED = 254
"""How deep orjson writes."""
_STRICT = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def number_text(value: float) -> str:
    """The text of a number as ECMAScript writes it (ECMA-262, Number::toString), integers in full.

    Args:
        value: An integer of any size or a finite float.
    """
    if isinstance(value, int):
        return str(value)
    text = repr(value)
    if "e" not in text:
        return text.removesuffix(".0") if value else "0"
    if 1e-6 <= abs(value) < 1e21:  # noqa: PLR2004 - between these ECMA-262 writes no exponent
        return format(Decimal(text), "f")
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def is_deeper(value: Any, most: int) -> bool:
    """Whether objects and arrays are nested deeper than so many levels in a value.

    Args:
        value: The value; of one that is nested without end no more is looked at than needed.
        most: How many levels there may be.
    """
    stack = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, (dict, list, Mapping)):
            if depth > most:
                return True
            below = item.values() if isinstance(item, Mapping) else item
            stack.extend((one, depth + 1) for one in below if not isinstance(one, _SCALARS))
    return False


def type_name(value: Any) -> str:
    """The JSON name of a value's type, as error messages say it."""
    if value is None:
        return "null"
    for kinds, name in _TYPE_NAMES:
        if isinstance(value, kinds):
            return name
    return type(value).__name__


_TYPE_NAMES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    ((list, tuple), "array"),
    (Mapping, "object"),
)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a value of type {type(value).__name__} is not a JSON value")


def _why(error: Exception) -> str:
    text = str(error)
    if "Recursion limit" in text or isinstance(error, RecursionError):
        return "nested too deep"
    if "surrogates" in text:
        return "a text holds half of a surrogate pair, which is no character"
    if "Integer exceeds" in text:
        return "an integer is beyond 64 bits"
    cause = error.__cause__
    return str(cause) if isinstance(cause, TypeError) else text


def _has_nan(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                return True
        elif isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
    return False


def _has_surrogate(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if _SURROGATE.search(item):
                return True
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return False


def _check_nesting(text: str, most: int) -> None:
    if text.count("[") + text.count("{") <= most:
        return
    depth = 0
    for match in _STRUCTURE.finditer(text):
        piece = match[0]
        if piece in "[{":
            depth += 1
            if depth > most:
                raise LimitExceededError(
                    f"JSON is nested deeper than {most} levels", {"limit": most}
                )
        elif piece in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValidationError(
            f"an object has the key {twice!r} twice: only one of the two can be meant"
        )
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValidationError(f"{name} is not a JSON number")


def _integer(text: str) -> int:
    if len(text) <= 20:  # noqa: PLR2004 - no 64-bit integer is longer
        value = int(text)
        if MIN_INTEGER <= value <= MAX_INTEGER:
            return value
    shown = text if len(text) <= 40 else text[:40] + "…"  # noqa: PLR2004 - enough to recognise it
    raise ValidationError(
        f"the integer {shown} is beyond 64 bits and could not be kept exactly: send it as a string"
    )


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValidationError(f"the number {text[:40]} is too large for a JSON number")
    return value
