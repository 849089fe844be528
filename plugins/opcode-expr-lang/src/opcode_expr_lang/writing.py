"""Values as text, as Go prints them and as Go's JSON writes them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from opcode_core import ExecutionError, number_text

from opcode_expr_lang.frame import Frame, charge, charge_text
from opcode_expr_lang.time_layout import PRINTED, RFC3339, in_layout
from opcode_expr_lang.times import duration_text
from opcode_expr_lang.values import Groups, NilArray, a_kind, kind

_ESCAPED = re.compile("[<>&\u2028\u2029\ud800-\udfff]")
_SURROGATES = range(0xD800, 0xE000)
_SMALLEST_PLAIN, _LARGEST_PLAIN = -4, 21
"""Exponents of ten between which Go prints a float without one."""


def as_text(frame: Frame, value: Any) -> str:
    """Write a value as `string(x)` does: `map[a:1 b:[2 3]]`, `<nil>`."""
    pieces: list[str] = []
    _print(frame, value, pieces)
    return "".join(pieces)


def as_json(frame: Frame, value: Any) -> str:
    """Write a value as `toJSON(x)` does.

    Raises:
        ExecutionError: JSON cannot hold it.
    """
    pieces: list[str] = []
    _write(frame, value, "\n", pieces)
    return "".join(pieces)


def float_text(value: float) -> str:
    """Write a float as Go prints it: `1`, `0.5`, `1e+21`, `NaN`, `+Inf`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    power = len(digits) + int(exponent) - 1
    if not value or _SMALLEST_PLAIN <= power < _LARGEST_PLAIN:
        return f"{Decimal(repr(value)).normalize():f}"
    written = "".join(map(str, digits))
    fraction = f".{written[1:]}" if written[1:] else ""
    return f"{'-' if sign else ''}{written[0]}{fraction}e{power:+03d}"


def _print(frame: Frame, value: Any, pieces: list[str]) -> None:
    if isinstance(value, Mapping):
        charge(frame, len(value))
        pieces.append("map[")
        for at, key in enumerate(_sorted(value)):
            pieces.append(" " if at else "")
            _print(frame, key, pieces)
            pieces.append(":")
            _print(frame, value[key], pieces)
        pieces.append("]")
    elif isinstance(value, list):
        charge(frame, len(value))
        pieces.append("[")
        for at, item in enumerate(value):
            pieces.append(" " if at else "")
            _print(frame, item, pieces)
        pieces.append("]")
    else:
        piece = _scalar(value)
        charge_text(frame, len(piece) + 1)
        pieces.append(piece)


def _scalar(value: Any) -> str:
    return _TEXTS[kind(value)](value)


_TEXTS: dict[str, Callable[[Any], str]] = {
    "string": str,
    "nil": lambda _: "<nil>",
    "bool": lambda value: "true" if value else "false",
    "int": lambda value: str(int(value)),
    "float": float_text,
    "time.Time": lambda value: in_layout(value, PRINTED),
    "time.Duration": duration_text,
    "time.Location": lambda value: str(value.name),
    "unknown": lambda _: "<unknown>",
}


def _sorted(value: Mapping[Any, Any]) -> list[Any]:
    keys = list(value)
    names = {kind(key) for key in keys}
    if names == {"string"} or names <= {"int", "float"}:
        return sorted(keys)
    return sorted(keys, key=lambda key: (kind(key), str(key)))


def _write(frame: Frame, value: Any, line: str, pieces: list[str]) -> None:
    inner = line + "  "
    if isinstance(value, Groups):
        raise ExecutionError("toJSON cannot write a map whose keys may be other than strings")
    if value.__class__ is NilArray:
        pieces.append("null")
    elif isinstance(value, Mapping):
        charge(frame, len(value))
        between = "{"
        for key in sorted(value):
            charge_text(frame, 2 * len(key) + len(inner) + 4)
            pieces.append(f"{between}{inner}{_quoted(key)}: ")
            _write(frame, value[key], inner, pieces)
            between = ","
        pieces.append(f"{line}}}" if value else "{}")
    elif isinstance(value, list):
        charge(frame, len(value))
        between = "["
        for item in value:
            pieces.append(f"{between}{inner}")
            charge_text(frame, len(inner) + 1)
            _write(frame, item, inner, pieces)
            between = ","
        pieces.append(f"{line}]" if value else "[]")
    else:
        charge_text(frame, len(value) if isinstance(value, str) else 1)
        piece = _json_scalar(value)
        charge_text(frame, len(piece) - len(value) if isinstance(value, str) else len(piece))
        pieces.append(piece)


def _json_scalar(value: Any) -> str:
    write = _JSON_TEXTS.get(kind(value))
    if write is None:
        raise ExecutionError(f"toJSON cannot write {a_kind(value)}")
    return write(value)


_JSON_TEXTS: dict[str, Callable[[Any], str]] = {
    "string": lambda value: _quoted(value),  # noqa: PLW0108 - it stands further down
    "nil": lambda _: "null",
    "bool": _TEXTS["bool"],
    "int": _TEXTS["int"],
    "float": lambda value: number_text(finite(value)),
    "time.Time": lambda value: _quoted(in_layout(value, RFC3339)),
    "time.Duration": lambda value: str(value.nanos),
}


def _quoted(value: str) -> str:
    return _ESCAPED.sub(_escape, json.dumps(value, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return "\ufffd" if code in _SURROGATES else f"\\u{code:04x}"


def finite(value: float) -> float:
    """Give a float that JSON can hold.

    Raises:
        ExecutionError: It is NaN or infinite.
    """
    if math.isfinite(value):
        return value
    raise ExecutionError("NaN and infinity are no numbers of JSON")


def key_text(key: Any) -> str:
    """Give the text of a map's key; nil is the empty one."""
    if isinstance(key, float) and not math.isfinite(key):
        return float_text(key)
    return (
        "" if key is None else number_text(key) if kind(key) in ("int", "float") else _scalar(key)
    )
