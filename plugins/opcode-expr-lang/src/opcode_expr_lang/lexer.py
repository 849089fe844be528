"""From a source to tokens."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from opcode_core import ExpressionSyntaxError

Kind = Literal["name", "number", "string", "operator", "bracket", "end"]

WORDS = frozenset(
    "and or not in matches contains startsWith endsWith let if else".split()  # noqa: SIM905
)
"""Names that are operators, except after a dot."""

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<number>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+
      |(?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)
  | (?P<name>(?:[^\W\d]|\$)[\w$]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`]|``)*`)
  | (?P<bracket>[()\[\]{}])
  | (?P<operator>\?\?|\?\.|\.\.|::|\*\*|\|\||&&|[!=<>]=|[-+*%^<>!?:;,.=|\#]|/(?!\*))
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL
)
_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    **{one: one for one in "\\'\"`?"},
}
_SURROGATES = range(0xD800, 0xE000)
_LAST_CHARACTER = 0x10FFFF


class Token(NamedTuple):
    """A piece of a source.

    Attributes:
        kind: What it is.
        text: How it is written; for a string what it stands for.
        offset: Where it starts, in characters.
    """

    kind: Kind
    text: str
    offset: int


def tokens_of(source: str, most: int) -> list[Token]:
    """Cut a source into tokens; the last one is the end.

    Args:
        source: The expression.
        most: How many bytes it may have as UTF-8.

    Raises:
        ExpressionSyntaxError: It is too large, or holds something that is no token.
    """
    _check_size(source, most)
    found: list[Token] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise _no_token(source, at)
        kind, text = match.lastgroup, match.group()
        if kind == "number" and source[match.end() : match.end() + 1].isidentifier():
            raise ExpressionSyntaxError(
                "a number runs into a name: put a space or an operator between them", at
            )
        if kind == "string":
            text = _content(text, at)
        elif kind == "name" and text in WORDS:
            kind = "operator"
        if kind != "space":
            found.append(Token(kind, text, at))  # type: ignore[arg-type]
        at = match.end()
    found.append(Token("end", "", len(source)))
    return found


def _check_size(source: str, most: int) -> None:
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise ExpressionSyntaxError(
            "half of a surrogate pair, which is no character", error.start
        ) from None
    if size > most:
        raise ExpressionSyntaxError(
            f"an expression may have {most} bytes, this one has {size}: split it into "
            "several steps, or pass the data by a variable"
        )


def _no_token(source: str, at: int) -> ExpressionSyntaxError:
    character = source[at]
    if character in "\"'`":
        return ExpressionSyntaxError(f"the string that starts with {character} is not closed", at)
    if source.startswith("/*", at):
        return ExpressionSyntaxError("the comment that starts with /* is not closed", at)
    if character == "&":
        return ExpressionSyntaxError("there is no operator `&`: write `&&` or bitand(a, b)", at)
    return ExpressionSyntaxError(f"{character!r} is no part of the language", at)


def _content(literal: str, at: int) -> str:
    inside = literal[1:-1]
    if literal[0] == "`":
        return inside.replace("``", "`")
    if "\\" not in inside:
        return inside
    return _ESCAPE.sub(lambda match: _unescaped(match, at + 1), inside)


def _unescaped(match: re.Match[str], start: int) -> str:
    *_, octal, simple = match.groups()
    if simple is not None:
        if simple in _SIMPLE:
            return _SIMPLE[simple]
        raise ExpressionSyntaxError(
            f"the escape \\{simple} does not exist: write \\\\ for a backslash",
            start + match.start(),
        )
    code = int(octal, 8) if octal else int(next(filter(None, match.groups())), 16)
    if code in _SURROGATES or code > _LAST_CHARACTER:
        raise ExpressionSyntaxError(f"{match.group()} is no character", start + match.start())
    return chr(code)
