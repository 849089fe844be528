"""Values as text, as Go prints them and as Go's JSON writes them; and results as plain JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from opcode_core import ExecutionError, number_text

from opcode_expr_lang.frame import Frame, charge, charge_text
from opcode_expr_lang.time_layout import RFC3339, in_layout
from opcode_expr_lang.times import Duration, Time, duration_text
from opcode_expr_lang.values import Array, Groups, NilArray, Table, a_kind, kind

_PRINTED = "2006-01-02 15:04:05.999999999 -0700 MST"
_ESCAPED = str.maketrans(
    {mark: f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}
    | {chr(code): "\ufffd" for code in range(0xD800, 0xE000)}
)
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


def to_plain(frame: Frame, value: Any) -> Any:
    """Give a result as plain JSON: what came whole from a variable as it is, dates and durations as text.

    Raises:
        ExecutionError: JSON cannot hold it.
    """
    found = value.__class__
    if found is float:
        return _finite(value)
    if found is Array or found is NilArray:
        charge(frame, len(value))
        return [to_plain(frame, item) for item in value]
    if found is Table:
        charge(frame, len(value))
        return {key: to_plain(frame, item) for key, item in value.items()}
    if found is Groups:
        charge(frame, len(value))
        plain = {_key(key): to_plain(frame, item) for key, item in value.items()}
        if len(plain) < len(value):
            raise ExecutionError("two keys of the resulting map are the same text in JSON")
        return plain
    if found is Time:
        return in_layout(value, RFC3339)
    if found is Duration:
        return duration_text(value)
    if kind(value) in ("time.Location", "unknown"):
        raise ExecutionError(f"the result is {a_kind(value)}, which JSON cannot hold")
    return value


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
    match kind(value):
        case "string":
            return str(value)
        case "nil":
            return "<nil>"
        case "bool":
            return "true" if value else "false"
        case "float":
            return float_text(value)
        case "time.Time":
            return in_layout(value, _PRINTED)
        case "time.Duration":
            return duration_text(value)
        case "time.Location":
            return str(value.name)
    return str(value)


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
            pieces.append(f"{between}{inner}{_quoted(key)}: ")
            charge_text(frame, len(key) + len(inner) + 4)
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
        piece = _json_scalar(value)
        charge_text(frame, len(piece))
        pieces.append(piece)


def _json_scalar(value: Any) -> str:
    match kind(value):
        case "string":
            return _quoted(value)
        case "nil":
            return "null"
        case "bool":
            return "true" if value else "false"
        case "int":
            return str(int(value))
        case "float":
            return number_text(_finite(value))
        case "time.Time":
            return _quoted(in_layout(value, RFC3339))
        case "time.Duration":
            return str(value.nanos)
    raise ExecutionError(f"toJSON cannot write {a_kind(value)}")


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPED)


def _finite(value: float) -> float:
    if math.isfinite(value):
        return value
    raise ExecutionError("NaN and infinity are no numbers of JSON")


def _key(key: Any) -> str:
    if isinstance(key, float) and not math.isfinite(key):
        return float_text(key)
    return (
        "" if key is None else number_text(key) if kind(key) in ("int", "float") else _scalar(key)
    )
