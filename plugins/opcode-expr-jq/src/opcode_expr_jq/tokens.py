"""From a source to its tokens, as jq's own lexer would cut it.

What the tokens say is what jq sees: comments are blanked, and wherever two lexers could disagree (a comment
that goes on behind a backslash, control characters) the source is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

from opcode_core import ExpressionLimits, ExpressionSyntaxError

Kind = Literal["number", "field", "name", "variable", "format", "operator", "quote", "text"]

KEYWORDS = frozenset((
    "and", "as", "break", "catch", "def", "elif", "else", "end", "foreach", "if", "import", "include", "label",
    "module", "or", "reduce", "then", "try", "__loc__",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: `field` is `.name`, `quote` begins or ends a string, `text` is a piece of one, decoded.
        text: As written, without the `.` of a field and the `$` of a variable.
        offset: Where it stands in the source, in characters from 0.
        key: Whether it is a name that stands for itself, as the key of an object.
    """

    kind: Kind
    text: str
    offset: int
    key: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """A source, cut up.

    Attributes:
        source: The source with its comments blanked, of the same length.
        tokens: Its tokens.
    """

    source: str
    tokens: tuple[Token, ...]


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CODE = re.compile(
    r"""
      (?P<space>[ \t\r\n]+)
    | (?P<comment>\#[^\n]*)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | \.(?P<field>[A-Za-z_][A-Za-z0-9_]*)
    | \$(?P<variable>(?:[A-Za-z_][A-Za-z0-9_]*::)*[A-Za-z_][A-Za-z0-9_]*)
    | (?P<name>(?:[A-Za-z_][A-Za-z0-9_]*::)*[A-Za-z_][A-Za-z0-9_]*)
    | @(?P<format>[A-Za-z0-9_]+)
    | (?P<quote>")
    | (?P<operator>\?//|//=|[!=|+\-*/%<>]=|//|\.\.|[.?=;,:|+\-*/%<>()\[\]{}])
    """,
    re.VERBOSE,
)
_STRING = re.compile(
    r"""(?P<text>(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})+)|(?P<quote>")|(?P<open>\\\()"""
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_OPENING = {"(": ")", "[": "]", "{": "}", "\\(": ")"}


def tokenize(source: str, limits: ExpressionLimits) -> Tokens:
    """Cut a source into tokens.

    Args:
        source: The program.
        limits: How large it may be, and how deep its brackets may be nested.

    Raises:
        ExpressionSyntaxError: It is too large, nested too deep, its brackets or quotes do not match, or there is a
            character that jq has no use for.
    """
    _check_size(source, limits.source_bytes)
    return _Cutter(source, limits.depth).cut()


def _check_size(source: str, most: int) -> None:
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise ExpressionSyntaxError(
            "half of a surrogate pair, which is no character", error.start
        ) from None
    if size > most:
        raise ExpressionSyntaxError(f"an expression has at most {most} bytes, this one has {size}")
    control = _CONTROL.search(source)
    if control is not None:
        raise ExpressionSyntaxError(
            f"the control character U+{ord(control[0]):04X} cannot stand in a program",
            control.start(),
        )


class _Cutter:
    """Cuts one source.

    Args:
        source: The program.
        deepest: How deep brackets may be nested.
    """

    def __init__(self, source: str, deepest: int) -> None:
        self._source = source
        self._deepest = deepest
        self._at = 0
        self._tokens: list[Token] = []
        self._open: list[tuple[str, int]] = []  # brackets and quotes: as written, where
        self._comments: list[tuple[int, int]] = []

    def cut(self) -> Tokens:
        """Give the tokens."""
        while self._at < len(self._source):
            if self._open and self._open[-1][0] == '"':
                self._in_string()
            else:
                self._in_code()
        if self._open:
            what, offset = self._open[-1]
            raise ExpressionSyntaxError(f"`{what}` is not closed", offset)
        source = self._source
        for start, end in self._comments:
            source = source[:start] + " " * (end - start) + source[end:]
        return Tokens(source, tuple(_mark_keys(self._tokens)))

    def _in_code(self) -> None:
        found = _CODE.match(self._source, self._at)
        if found is None:
            raise self._stray()
        kind, text, start = found.lastgroup, found[found.lastgroup or 0], self._at
        self._at = found.end()
        if kind == "comment":
            self._comment(text, start)
        elif kind == "quote":
            self._open.append(('"', start))
            self._add("quote", text, start)
        elif kind == "operator":
            self._bracket(text, start)
        elif kind != "space":
            self._tokens.append(Token(kind, text, start))  # type: ignore[arg-type] # groups are kinds

    def _in_string(self) -> None:
        start = self._at
        found = _STRING.match(self._source, start)
        if found is None:
            raise ExpressionSyntaxError(
                r"after a backslash in a string stands one of `\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, "
                r"`\uXXXX` or `\(`",
                start,
            )
        self._at = found.end()
        if found.lastgroup == "open":
            self._push("\\(", start)
            self._add("operator", "\\(", start)
        elif found.lastgroup == "quote":
            self._open.pop()
            self._add("quote", '"', start)
        else:
            text = str(json.loads(f'"{found[0]}"', strict=False))
            if _SURROGATE.search(text):
                raise ExpressionSyntaxError(
                    "half of a surrogate pair, which is no character", start
                )
            self._add("text", text, start)

    def _comment(self, text: str, start: int) -> None:
        body = text.removesuffix("\r")
        if "\r" in body or body.endswith("\\"):
            raise ExpressionSyntaxError(
                "a comment cannot end in a backslash or hold a carriage return", start
            )
        self._comments.append((start, start + len(body)))

    def _bracket(self, text: str, start: int) -> None:
        if text in _OPENING:
            self._push(text, start)
        elif text in (")", "]", "}"):
            opened = self._open.pop()[0] if self._open else ""
            if _OPENING.get(opened) != text:
                wanted = f": `{_OPENING[opened]}` was expected" if opened else ""
                raise ExpressionSyntaxError(f"`{text}` closes nothing here{wanted}", start)
        self._add("operator", text, start)

    def _push(self, text: str, start: int) -> None:
        self._open.append((text, start))
        if sum(what != '"' for what, _ in self._open) > self._deepest:
            raise ExpressionSyntaxError(f"brackets are nested deeper than {self._deepest}", start)

    def _add(self, kind: Kind, text: str, start: int) -> None:
        self._tokens.append(Token(kind, text, start))

    def _stray(self) -> ExpressionSyntaxError:
        character = self._source[self._at]
        hint = {
            "'": ": texts stand in double quotes",
            "$": ": a variable is `$name`, without a space",
            "&": ": it is `and`",
            "!": ": it is `| not`",
        }.get(character, "")
        return ExpressionSyntaxError(f"jq has no use for `{character}` here{hint}", self._at)


def _mark_keys(tokens: list[Token]) -> list[Token]:
    """Mark the names that are keys of objects: `{env, if: 1}` reads two fields."""
    marked: list[Token] = []
    around: list[str] = []
    for token in tokens:
        before = marked[-1].text if marked and marked[-1].kind == "operator" else ""
        if token.kind == "operator":
            if token.text in _OPENING:
                around.append(token.text)
            elif token.text in (")", "]", "}"):
                around.pop()
        key = (
            token.kind == "name"
            and bool(around)
            and around[-1] == "{"
            and before in ("{", ",")
            and "::" not in token.text
        )
        marked.append(Token("name", token.text, token.offset, key=True) if key else token)
    return marked
