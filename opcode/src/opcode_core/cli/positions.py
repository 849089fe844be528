"""Where in a JSON text the value of a JSON Pointer stands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from opcode_core.model.problems import pointer

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PIECE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)
"""What stands for one character inside a string."""
_OTHER = re.compile(r"[^\s,\]}:]+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text, both counted from 1."""

    line: int
    column: int


def find_positions(text: str) -> dict[str, int]:
    """Find every value of a JSON text.

    Args:
        text: Valid JSON.

    Returns:
        JSON Pointer → offset of the value, in characters.
    """
    found: dict[str, int] = {}
    stack: list[tuple[str, int | None]] = []  # pointer of the container, next index of an array
    at, offset = "", _skip(text, 0)
    while True:
        found[at] = offset
        opening = text[offset]
        inside = _skip(text, offset + 1)
        if opening == "[" and text[inside] != "]":
            stack.append((at, 1))
            at, offset = pointer(at, 0), inside
            continue
        if opening == "{" and text[inside] != "}":
            stack.append((at, None))
            at, offset = _member(text, at, inside)
            continue
        end = inside + 1 if opening in "[{" else _end_of_scalar(text, offset)
        end = _skip(text, end)
        while stack and text[end] in "]}":
            stack.pop()
            end = _skip(text, end + 1)
        if not stack:
            return found
        container, index = stack[-1]
        end = _skip(text, end + 1)
        if index is None:
            at, offset = _member(text, container, end)
        else:
            stack[-1] = (container, index + 1)
            at, offset = pointer(container, index), end


def nearest_position(positions: dict[str, int], path: str) -> int:
    """The offset of a pointer's value, or of the nearest one around it that is there."""
    while path not in positions and path:
        path = path.rpartition("/")[0]
    return positions.get(path, 0)


def inside_string(text: str, offset: int, count: int) -> int:
    """The offset of a character of a string.

    Args:
        text: Valid JSON.
        offset: Where the string's opening quote stands.
        count: How many characters of its value come before; at its end, or when it is no string, `offset` is given.
    """
    match = _STRING.match(text, offset)
    if match is None:
        return offset
    at, end = offset + 1, match.end() - 1
    for _ in range(count):
        if at >= end:
            return offset
        at = _PIECE.match(text, at).end()  # type: ignore[union-attr] # anything is a piece
    return at if at < end else offset


def key_of(text: str, offset: int) -> int | None:
    """The offset of the key that a member's value at `offset` has; None for an item of an array, or the whole."""
    before = text[:offset].rstrip(" \t\r\n")
    if not before.endswith(":"):
        return None
    start = before[:-1].rstrip(" \t\r\n")
    quote = len(start) - 1
    while (quote := start.rfind('"', 0, quote)) >= 0:
        backslashes = quote - len(start[:quote].rstrip("\\"))
        if backslashes % 2 == 0:
            return quote
    return None


def line_and_column(text: str, offset: int) -> Position:
    """The line and column of an offset."""
    line = text.count("\n", 0, offset)
    return Position(line + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def _skip(text: str, offset: int) -> int:
    match = _SPACE.match(text, offset)
    return match.end() if match else offset


def _member(text: str, container: str, offset: int) -> tuple[str, int]:
    match = _STRING.match(text, offset)
    if match is None:
        raise ValueError(f"no key at {offset}")
    colon = _skip(text, match.end())
    return pointer(container, _unescaped(match[0][1:-1])), _skip(text, colon + 1)


def _end_of_scalar(text: str, offset: int) -> int:
    match = (_STRING if text[offset] == '"' else _OTHER).match(text, offset)
    if match is None:
        raise ValueError(f"no value at {offset}")
    return match.end()


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _ESCAPES.get(m[2], m[2]), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16")
