"""The body of a response: read up to a cap, then JSON, text or bytes, by what it says it is."""

from __future__ import annotations

import base64
import codecs
import json
import math
from typing import TYPE_CHECKING, Any

from opcode_core import ExecutionError

if TYPE_CHECKING:
    import httpx2

MAX_BYTES = 10 << 20
"""How large a body may be once decoded, in bytes."""
_MAX_DEPTH = 120
_INTEGERS = range(-(2**63), 2**63)
_TEXTS = (
    "application/xml",
    "application/javascript",
    "application/x-www-form-urlencoded",
    "application/graphql",
)


async def read_body(response: httpx2.Response) -> bytes:
    """Read a body.

    Raises:
        ExecutionError: It is larger than `MAX_BYTES` once decoded; `details.limit` says so.
    """
    data = bytearray()
    async for chunk in response.aiter_bytes(1 << 16):
        data += chunk
        if len(data) > MAX_BYTES:
            raise ExecutionError(f"the body is larger than {MAX_BYTES} bytes", {"limit": MAX_BYTES})
    return bytes(data)


def decode_body(data: bytes, content_type: str) -> Any:
    """What a body says.

    Args:
        data: The body.
        content_type: Its Content-Type; may be empty.

    Returns:
        None when it is empty; the value of JSON, with numbers beyond 64 bits as their text; text; or `{"base64": …}`.
        JSON that is none is text.
    """
    if not data:
        return None
    kind, _, rest = content_type.partition(";")
    kind = kind.strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return _parse(data)
        except (ValueError, RecursionError):
            return _text(data, rest, lenient=True)
    if kind.startswith("text/") or kind.endswith("+xml") or kind in _TEXTS:
        return _text(data, rest, lenient=True)
    text = _text(data, rest, lenient=False) if not kind else None
    return text if text is not None else {"base64": base64.b64encode(data).decode("ascii")}


def _text(data: bytes, parameters: str, *, lenient: bool) -> str | None:
    charset = "utf-8"
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"') or charset
    try:
        codec = codecs.lookup(charset)
        if not codec._is_text_encoding:  # noqa: SLF001 - rot13 and its like are no charsets
            charset = "utf-8"
    except LookupError:
        charset = "utf-8"
    try:
        return data.decode(charset)
    except UnicodeDecodeError:
        return data.decode(charset, "replace") if lenient else None


def _parse(data: bytes) -> Any:
    value = json.loads(data, parse_int=_integer, parse_float=_float, parse_constant=_refuse)
    _check(value)
    return value


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= 20 and int(text) in _INTEGERS else text  # noqa: PLR2004 - digits of 2^63


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _check(value: Any) -> None:
    """Refuse half surrogate pairs and deep nesting, which could not be stored."""
    stack = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deep")
        if isinstance(item, str):
            item.encode("utf-8")
        elif isinstance(item, dict):
            for name, below in item.items():
                name.encode("utf-8")
                stack.append((below, depth + 1))
        elif isinstance(item, list):
            stack.extend((below, depth + 1) for below in item)
