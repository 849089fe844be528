"""Functions that convert."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from opcode_core import ExecutionError, LimitExceededError, ValidationError, parse_json

from opcode_expr_lang.frame import Frame, charge, charge_text
from opcode_expr_lang.patterns import utf8
from opcode_expr_lang.values import Array, Table, a_kind, int64, kind, text, whole
from opcode_expr_lang.writing import as_json, as_text

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
_LONGEST_NUMBER = 400


def type_of(_: Frame, value: Any) -> str:
    """`type`: the name of a value's type."""
    return kind(value)


def to_int(_: Frame, value: Any) -> int:
    """`int`: of a number without its fraction, or of a text of digits."""
    if isinstance(value, str):
        if not _WHOLE.fullmatch(value):
            raise ExecutionError("`int` needs digits, with a sign or without")
        return int64(int(value))
    return whole(value, "`int`")


def to_float(_: Frame, value: Any) -> float:
    """`float`: of a number or a text."""
    if isinstance(value, str):
        if len(value) > _LONGEST_NUMBER or not _NUMBER.fullmatch(value):
            raise ExecutionError("`float` needs a text that is a number")
        return float(value)
    if kind(value) not in ("int", "float"):
        raise ExecutionError(f"`float` needs a number or a string, not {a_kind(value)}")
    return float(value)


def to_string(frame: Frame, value: Any) -> str:
    """`string`: a text as it is, anything else as Go prints it."""
    return value if isinstance(value, str) else as_text(frame, value)


def to_json_text(frame: Frame, value: Any) -> str:
    """`toJSON`: indented by two spaces, keys in order."""
    return as_json(frame, value)


def from_json_text(frame: Frame, value: Any) -> Any:
    """`fromJSON`: every number becomes a float."""
    source = text(value, "fromJSON")
    charge_text(frame, len(source))
    charge(frame, 1 + sum(source.count(mark) for mark in ",[{"))
    try:
        return _floats(parse_json(source))
    except (ValidationError, LimitExceededError):
        raise ExecutionError("`fromJSON` needs a text that is JSON") from None


def to_base64(frame: Frame, value: Any) -> str:
    """`toBase64`: of a text's UTF-8."""
    subject = text(value, "toBase64")
    charge_text(frame, 2 * len(subject))
    return base64.b64encode(utf8(subject)).decode("ascii")


def from_base64(frame: Frame, value: Any) -> str:
    """`fromBase64`: bytes that are no UTF-8 become U+FFFD."""
    subject = text(value, "fromBase64")
    charge_text(frame, len(subject))
    try:
        return base64.b64decode(utf8(subject), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise ExecutionError("`fromBase64` needs a text that is base64") from None


def _floats(value: Any) -> Any:
    if value.__class__ is int:
        return float(value)
    if isinstance(value, list):
        return Array(_floats(item) for item in value)
    if isinstance(value, dict):
        return Table((key, _floats(item)) for key, item in value.items())
    return value
