"""What a workflow wants in a file, as bytes; and permissions as it writes them."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Literal

from opcode_core import ValidationError, compact_json

_MOST = 0o777


def content_bytes(content: Any, encoding: Literal["text", "base64"] = "text") -> bytes:
    """The bytes of a content.

    Args:
        content: A string, or other JSON, which is written as JSON.
        encoding: Whether the string is text or bytes in base64.

    Raises:
        ValidationError: It is not base64.
    """
    if encoding == "base64":
        if not isinstance(content, str):
            raise ValidationError("with encoding `base64` the content is a string")
        try:
            return base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            raise ValidationError("the content is not base64") from None
    text = content if isinstance(content, str) else compact_json(content)
    return text.encode("utf-8")


def permissions(mode: str | int) -> int:
    """The permissions a mode says.

    Raises:
        ValueError: It is none, or has bits beyond 0777.
    """
    if isinstance(mode, bool):
        raise ValueError('a mode is an octal string such as "0644"')  # noqa: TRY004 - pydantic wants it so
    if isinstance(mode, str):
        digits = mode.removeprefix("0o")
        if not digits or len(digits) > 5 or any(digit not in "01234567" for digit in digits):  # noqa: PLR2004 - 00777
            raise ValueError('a mode is an octal string such as "0644"')
        mode = int(digits, 8)
    if not 0 <= mode <= _MOST:
        raise ValueError("a mode has no bits beyond 0777")
    return mode
