r"""Quoted literals of a source: found, decoded and masked before the grammar sees them.

cel-python's patterns for quoted literals try an escape in two ways, so that forty escapes without
a closing quote keep them busy for hours, and they misread `r"\"`. Here each literal is read once,
from left to right, and a placeholder of the same length takes its place: offsets stay as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from opcode_core import ExpressionSyntaxError

_PIECE = re.compile(
    r"""
    (?P<comment>//[^\n]*)
    |(?P<prefix>(?<![A-Za-z0-9_])(?:[rR][bB]?|[bB][rR]?))?(?P<quote>\"{3}|'{3}|\"|')
    |(?P<field>`[^`\n]*`?)
    |(?P<open>[(\[{])
    |(?P<close>[)\]}])
    """,
    re.VERBOSE,
)
_FIELD = re.compile(r"`[A-Za-z0-9_./ -]+`")
_ESCAPE = re.compile(
    r"\\(?:(?P<single>[abfnrtv\\?\"'`])|(?P<octal>[0-3][0-7]{2})|[xX](?P<byte>[0-9a-fA-F]{2})"
    r"|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8}))"
)
_SINGLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_SURROGATES = range(0xD800, 0xE000)
_LAST_CHARACTER = 0x10FFFF


@dataclass(slots=True)
class Masked:
    """A source without its literals."""

    text: str
    """As long as the source, each literal and quoted field replaced by a placeholder."""
    values: dict[int, Any] = field(default_factory=dict)
    """The value of the literal at each offset: `str` or `bytes`."""
    fields: dict[int, str] = field(default_factory=dict)
    """The name of the field in backticks at each offset."""


def mask(source: str, deepest: int) -> Masked:
    """Take the literals out of a source.

    Args:
        source: The expression.
        deepest: How deep brackets may be nested.

    Raises:
        ExpressionSyntaxError: A literal is not closed or holds an escape that does not exist, or
            brackets are nested too deep.
    """
    masked = Masked("")
    pieces: list[str] = []
    depth = at = 0
    while piece := _PIECE.search(source, at):
        pieces.append(source[at : piece.start()])
        at = piece.end()
        if piece["open"]:
            depth += 1
            if depth > deepest:
                raise ExpressionSyntaxError(
                    f"nested deeper than {deepest} brackets: split the expression", piece.start()
                )
        elif piece["close"]:
            depth -= 1
        elif piece["quote"]:
            at = _literal_end(source, piece)
            start = piece.start()
            masked.values[start] = _decoded(source, piece, at - len(piece["quote"]))
            pieces.append('"' + "x" * (at - start - 2) + '"')
            continue
        elif piece["field"]:
            pieces.append(_field(piece, masked))
            continue
        pieces.append(piece[0])
    masked.text = "".join(pieces) + source[at:]
    return masked


def _field(piece: re.Match[str], masked: Masked) -> str:
    name = piece[0]
    if not _FIELD.fullmatch(name):
        raise ExpressionSyntaxError(
            "a name in backticks holds letters, digits, `_`, `.`, `-`, `/` and spaces,"
            " and ends with a backtick",
            piece.start(),
        )
    masked.fields[piece.start()] = name[1:-1]
    return "_" * len(name)


def _literal_end(source: str, piece: re.Match[str]) -> int:
    quote = piece["quote"]
    raw = "r" in (piece["prefix"] or "").lower()
    at = piece.end()
    while at < len(source):
        if source.startswith(quote, at):
            return at + len(quote)
        if source[at] == "\n" and len(quote) == 1:
            break
        at += 2 if source[at] == "\\" and not raw else 1
    raise ExpressionSyntaxError(f"the text that starts with {quote} is not closed", piece.start())


def _decoded(source: str, piece: re.Match[str], end: int) -> str | bytes:
    prefix = (piece["prefix"] or "").lower()
    body = source[piece.end() : end]
    binary = "b" in prefix
    parts: list[str | bytes] = []
    at = 0
    while "r" not in prefix and (found := body.find("\\", at)) >= 0:
        escape = _ESCAPE.match(body, found)
        if escape is None or (binary and (escape["short"] or escape["long"])):
            raise ExpressionSyntaxError(
                rf"the escape {body[found : found + 2]} does not exist here: write \\ for a"
                " backslash, or r'…' for a text without escapes",
                piece.end() + found,
            )
        parts += [body[at:found], _escaped(escape, piece.end() + found, binary=binary)]
        at = escape.end()
    parts.append(body[at:])
    if binary:
        return b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    return "".join(str(part) for part in parts)


def _escaped(escape: re.Match[str], offset: int, *, binary: bool) -> str | bytes:
    if single := escape["single"]:
        number = _SINGLE.get(single, ord(single))
    elif escape["octal"]:
        number = int(escape["octal"], 8)
    else:
        number = int(escape["byte"] or escape["short"] or escape["long"], 16)
    if number in _SURROGATES or number > _LAST_CHARACTER:
        raise ExpressionSyntaxError(f"the escape {escape[0]} is no character", offset)
    return bytes([number]) if binary else chr(number)
