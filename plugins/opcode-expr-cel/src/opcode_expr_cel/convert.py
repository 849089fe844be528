"""Conversions between CEL's types (`int(x)`, `string(x)`, ...) and to plain JSON at the end."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from typing import Any

from opcode_core import MAX_NODES, number_text

from opcode_expr_cel.arithmetic import int64, uint64
from opcode_expr_cel.errors import FailedError, a_kind
from opcode_expr_cel.frame import Frame, charge, check_time
from opcode_expr_cel.times import (
    duration_text,
    instant,
    read_duration,
    read_timestamp,
    timestamp_text,
)
from opcode_expr_cel.values import (
    MAX_INT,
    MAX_UINT,
    CelList,
    CelMap,
    Duration,
    Timestamp,
    TypeName,
    Uint,
    as_double,
    kind,
)

_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[iI]nf(?:inity)?|[nN]a[nN])", re.ASCII
)
_LONGEST_NUMBER = 400
_BOOLS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_SECOND = 10**9


def to_int(value: Any) -> int:
    """Convert as `int(x)` does."""
    match kind(value):
        case "int":
            return int(value)
        case "uint":
            return int64(value.value)
        case "double" if abs(value) <= MAX_INT and abs(value) < 2.0**63:
            return int(value)
        case "double":
            raise FailedError("the double is beyond the range of an int")
        case "string":
            return int64(_whole(value, "int"))
        case "google.protobuf.Timestamp":
            return int(value.nanos // _SECOND)
    raise _cannot(value, "an int")


def to_uint(value: Any) -> Uint:
    """Convert as `uint(x)` does."""
    match kind(value):
        case "uint":
            return Uint(value.value)
        case "int":
            return uint64(value)
        case "double" if 0 <= value <= MAX_UINT and value < 2.0**64:
            return Uint(int(value))
        case "double":
            raise FailedError("the double is beyond the range of a uint")
        case "string":
            return uint64(_whole(value, "uint"))
    raise _cannot(value, "a uint")


def to_double(value: Any) -> float:
    """Convert as `double(x)` does."""
    match kind(value):
        case "int" | "double":
            return as_double(value)
        case "uint":
            return as_double(value.value)
        case "string" if len(value) <= _LONGEST_NUMBER and _NUMBER.fullmatch(value):
            return float(value)
        case "string":
            raise FailedError("the text is no number")
    raise _cannot(value, "a double")


def to_bool(value: Any) -> bool:
    """Convert as `bool(x)` does."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value in _BOOLS:
            return _BOOLS[value]
        raise FailedError("the text is neither true nor false")
    raise _cannot(value, "a bool")


def to_bytes(value: Any) -> bytes:
    """Convert as `bytes(x)` does."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return utf8(value)
    raise _cannot(value, "bytes")


def to_string(value: Any) -> str:
    """Convert as `string(x)` does: numbers as JSON writes them."""
    write = _TEXTS.get(kind(value))
    if write is None:
        raise _cannot(value, "a string")
    return write(value)


def to_timestamp(value: Any) -> Timestamp:
    """Convert as `timestamp(x)` does: RFC 3339, or seconds since 1970."""
    match kind(value):
        case "google.protobuf.Timestamp":
            return Timestamp(value.nanos)
        case "string":
            return read_timestamp(value)
        case "int":
            return instant(value * _SECOND)
    raise _cannot(value, "a timestamp")


def to_duration(value: Any) -> Duration:
    """Convert as `duration(x)` does."""
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        return read_duration(value)
    raise _cannot(value, "a duration")


def to_json(value: Any, frame: Frame) -> Any:
    """Give a result as plain JSON; what came from a variable is given as it is.

    Args:
        value: The result.
        frame: A frame that nothing was produced in, with the evaluation's deadline.

    Raises:
        FailedError: A double is NaN or infinite, or two keys of a map become the same text.
        ExhaustedError: It has more than `MAX_NODES` items, or its time is over. What was built
            once may stand in it many times, so it can be far larger than what was produced.
    """
    plain = _PLAIN.get(value.__class__)
    return value if plain is None else plain(value, frame)


def _plain_double(value: float, _: Frame) -> float:
    if math.isfinite(value):
        return value
    raise FailedError("the result is NaN or infinite, which JSON cannot hold")


def _plain_list(value: CelList, frame: Frame) -> list[Any]:
    check_time(frame)
    charge(frame, len(value), MAX_NODES)
    return [to_json(item, frame) for item in value]


def _plain_map(value: CelMap, frame: Frame) -> dict[str, Any]:
    check_time(frame)
    charge(frame, len(value), MAX_NODES)
    plain = {to_string(key): to_json(item, frame) for key, item in value.items()}
    if len(plain) < len(value):
        raise FailedError("two keys of the resulting map are the same text in JSON")
    return plain


def _plain_text(value: Any, _: Frame) -> str:
    return to_string(value)


_PLAIN: dict[type, Callable[[Any, Frame], Any]] = {
    float: _plain_double,
    CelList: _plain_list,
    CelMap: _plain_map,
    Uint: lambda value, _: value.value,
    bytes: lambda value, _: base64.b64encode(value).decode("ascii"),
    Timestamp: _plain_text,
    Duration: _plain_text,
    TypeName: _plain_text,
}


def utf8(text: str) -> bytes:
    """Give a text's UTF-8.

    Raises:
        FailedError: Half of a surrogate pair is in it.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise FailedError("the text holds half of a surrogate pair") from None


def double_text(value: float) -> str:
    """Write a double as JSON does, or as `NaN`, `Infinity`, `-Infinity`."""
    if math.isfinite(value):
        return number_text(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _from_utf8(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise FailedError("the bytes are not UTF-8") from None


_TEXTS: dict[str, Callable[[Any], str]] = {
    "string": str,
    "int": str,
    "uint": lambda value: str(value.value),
    "double": double_text,
    "bool": lambda value: "true" if value else "false",
    "null_type": lambda _: "null",
    "bytes": _from_utf8,
    "google.protobuf.Timestamp": timestamp_text,
    "google.protobuf.Duration": duration_text,
    "type": lambda value: str(value.name),
}


def _whole(text: str, target: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise FailedError(f"the text is no {target}: write digits, with a sign or without")
    return int(text)


def _cannot(value: Any, target: str) -> FailedError:
    return FailedError(f"{a_kind(value)} cannot become {target}")
