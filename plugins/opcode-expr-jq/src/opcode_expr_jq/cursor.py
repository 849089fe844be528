"""The tokens of a program, one after the other, and what is known on the way through them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from opcode_expr_jq.reads import Origins, Reads
from opcode_expr_jq.tokens import KEYWORDS, Token

Streams = frozenset[str]
"""Why something goes through items one by one: it does so itself (`STREAM`), or what a parameter stands for may."""
NO_STREAM: Streams = frozenset()
STREAM: Streams = frozenset({"[]"})


class NotUnderstoodError(Exception):
    """The program is not as it is expected here: jq refuses it, or knows something that this package does not."""


class Cursor(ABC):
    """A place in a program, with the rules that the others need.

    Args:
        tokens: The program.
        names: What its input has at its top, each name with the variable it stands for.
    """

    def __init__(self, tokens: tuple[Token, ...], names: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._reads = Reads(names)
        self._variables: dict[str, Origins] = {}
        self._streams = NO_STREAM
        self._parameters: frozenset[str] = frozenset()
        self._own_streams: dict[tuple[str, int], tuple[tuple[str, ...], Streams]] = {}

    @abstractmethod
    def _pipe(self, given: Origins, *, comma: bool = True) -> Origins:
        """What stands between brackets; without `comma` it ends before one."""

    @abstractmethod
    def _keyword(self, word: str, given: Origins) -> Origins:
        """A term that begins with a keyword."""

    @abstractmethod
    def _call(self, name: str, given: Origins) -> Origins:
        """The call of a function."""

    def _peek(self) -> str:
        """The next operator or keyword; nothing for anything else."""
        if self._at >= len(self._tokens):
            return ""
        token = self._tokens[self._at]
        if token.kind == "operator" or (token.kind == "name" and token.text in KEYWORDS):
            return token.text
        return '"' if token.kind == "quote" else ""

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise NotUnderstoodError
        self._at += 1
        return self._tokens[self._at - 1]

    def _has(self, *texts: str) -> str:
        """Take the next token if it is one of these."""
        found = self._peek()
        if found and found in texts:
            self._at += 1
            return found
        return ""

    def _expect(self, text: str) -> None:
        if not self._has(text):
            raise NotUnderstoodError

    def _ahead(self) -> Token | None:
        """The next token, which stays."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _within(self, names: dict[str, Origins], given: Origins) -> Origins:
        """What follows a binding, with its variables."""
        before = self._variables
        self._variables = {**before, **names}
        found = self._pipe(given)
        self._variables = before
        return found
