"""The body of a request: from a JSON value to bytes, in the encoding asked for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from opcode_core import ValidationError, compact_json, number_text

from opcode_action_http.parameters import BodyEncoding

_BYTES = "base64:"


def encode_body(body: Any, encoding: BodyEncoding) -> tuple[bytes, str]:
    """Encode a body.

    Args:
        body: Any JSON value.
        encoding: How to write it.

    Returns:
        The bytes, and the Content-Type they go with.

    Raises:
        ValidationError: The value cannot be written so.
    """
    if encoding == "json":
        return compact_json(body).encode("utf-8"), "application/json"
    if encoding == "form":
        return _form(body), "application/x-www-form-urlencoded"
    if encoding == "text":
        text = body if isinstance(body, str) else compact_json(body)
        return text.encode("utf-8"), "text/plain; charset=utf-8"
    return _raw(body), "application/octet-stream"


def _form(body: Any) -> bytes:
    if not isinstance(body, Mapping):
        raise ValidationError("with body_encoding `form` the body is an object of scalars")
    return urlencode([(name, _field(name, value)) for name, value in body.items()]).encode("ascii")


def _field(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, str):
        return value
    raise ValidationError(
        f"with body_encoding `form` the field {name[:100]!r} must be a scalar, "
        f"not {'an object' if isinstance(value, Mapping) else 'an array'}"
    )


def _raw(body: Any) -> bytes:
    if not isinstance(body, str):
        raise ValidationError(
            "with body_encoding `raw` the body is a string, or bytes as `base64:…`"
        )
    if not body.startswith(_BYTES):
        return body.encode("utf-8")
    try:
        return base64.b64decode(body.removeprefix(_BYTES), validate=True)
    except (binascii.Error, ValueError):
        raise ValidationError("what follows `base64:` in the body is not base64") from None
