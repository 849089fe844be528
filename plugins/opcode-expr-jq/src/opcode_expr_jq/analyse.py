"""Walks through a program as a parser would, and finds out what it reads of its input.

Nothing is run and no tree is built: each rule gets what its input may be and gives what its output may be. A
value that goes anywhere it cannot be followed is recorded as read, so what is found is never too little. jq
itself says whether the program is right; a program that is not understood here is taken to read everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opcode_core import ReadPath

from opcode_expr_jq.bindings import Bindings
from opcode_expr_jq.cursor import NO_STREAM, STREAM, NotUnderstoodError, Streams
from opcode_expr_jq.reads import COMPUTED, ROOT, Origins
from opcode_expr_jq.tokens import Token

_STREAMS = frozenset((
    "range", "recurse", "recurse_down", "paths", "leaf_paths", "scan", "splits", "match", "limit", "skip", "repeat",
    "while", "tostream", "fromstream", "truncate_stream", "combinations",
))  # fmt: skip
"""Functions whose outputs are a list in all but name; `select`, `first` and their like are not."""
_CONSTANTS = frozenset(("null", "true", "false", "empty", "now", "nan", "infinite"))
_PASSING = {"select": 1, "error": 1, "isempty": 1, "range": 3, "first": 1, "last": 1, "limit": 2}
"""Functions whose arguments see what the function sees, and nothing else, with their most arguments."""
_HANDED_ON = {"first": 0, "last": 0, "limit": 1}
"""Of those, the ones whose outputs are the outputs of an argument, and which one."""
_LEVELS = (
    ("or",),
    ("and",),
    ("==", "!=", "<", "<=", ">", ">="),
    ("+", "-"),
    ("*", "/", "%"),
)
_UPDATES = frozenset(("=", "|=", "+=", "-=", "*=", "/=", "%=", "//="))


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found out about a program.

    Attributes:
        reads: The paths it reads, `()` for the whole input.
        touched: The paths it follows, whether or not it then reads what is there.
        streams: Whether it goes through items one by one, so that its outputs are a list.
    """

    reads: tuple[ReadPath, ...]
    touched: tuple[ReadPath, ...]
    streams: bool


def analyse(tokens: tuple[Token, ...], names: Mapping[str, str]) -> Findings:
    """Find out what a program reads.

    Args:
        tokens: The program.
        names: What its input has at its top, each name with the variable it stands for.

    Raises:
        ExpressionSyntaxError: It reads something at the top that is not there.
    """
    walk = _Walk(tokens, names)
    try:
        return walk.program()
    except (NotUnderstoodError, RecursionError):
        return Findings(((),), (), streams=False)


class _Walk(Bindings):
    """One walk through one program; see `Cursor` for its arguments."""

    def __init__(self, tokens: tuple[Token, ...], names: Mapping[str, str]) -> None:
        super().__init__(tokens, names)
        self._own = _defined(tokens)

    def program(self) -> Findings:
        """Walk through all of it."""
        self._reads.take(self._pipe(ROOT))
        if self._at < len(self._tokens):
            raise NotUnderstoodError
        return Findings(tuple(self._reads.paths), tuple(self._reads.touched), bool(self._streams))

    def _pipe(self, given: Origins, *, comma: bool = True) -> Origins:
        while True:
            if self._has("def"):
                self._definition()
                continue
            if self._has("label"):
                self._next()
                self._expect("|")
                continue
            found = self._comma(given) if comma else self._update(given)
            if not self._has("|"):
                return found
            given = found

    def _comma(self, given: Origins) -> Origins:
        found = self._update(given)
        while self._has(","):
            self._streams |= STREAM
            found = self._reads.either(found, self._update(given))
        return found

    def _update(self, given: Origins) -> Origins:
        streams = self._streams
        found = self._alternative(given)
        while self._peek() in _UPDATES:
            operator = self._next().text
            self._streams = streams  # all that is written to on the left is one output
            self._reads.take(given)
            self._reads.take(found)
            self._reads.take(self._alternative(COMPUTED if operator == "|=" else given))
            found = COMPUTED
        return found

    def _alternative(self, given: Origins) -> Origins:
        found = self._binary(given, 0)
        while self._has("//", "?//"):
            found = self._reads.either(found, self._binary(given, 0))
        return found

    def _binary(self, given: Origins, level: int) -> Origins:
        if level == len(_LEVELS):
            return self._unary(given)
        found = self._binary(given, level + 1)
        while self._has(*_LEVELS[level]):
            self._reads.take(found)
            self._reads.take(self._binary(given, level + 1))
            found = COMPUTED
        return found

    def _unary(self, given: Origins) -> Origins:
        if self._has("-"):
            self._reads.take(self._unary(given))
            return COMPUTED
        found = self._postfix(given)
        if self._has("as"):
            names = self._patterns(found, given)
            self._expect("|")
            return self._within(names, given)
        return found

    def _keyword(self, word: str, given: Origins) -> Origins:
        if word == "if":
            return self._condition(given)
        if word == "try":
            found = self._postfix_or_sign(given)
            if self._has("catch"):
                found = self._reads.either(found, self._postfix_or_sign(COMPUTED))
            return found
        if word in ("reduce", "foreach"):
            return self._fold(word, given)
        if word == "break":
            self._next()
            return COMPUTED
        raise NotUnderstoodError

    def _postfix_or_sign(self, given: Origins) -> Origins:
        if self._has("-"):
            self._reads.take(self._postfix_or_sign(given))
            return COMPUTED
        return self._postfix(given)

    def _condition(self, given: Origins) -> Origins:
        found: list[Origins] = []
        while True:
            self._reads.take(self._pipe(given))
            self._expect("then")
            found.append(self._pipe(given))
            if not self._has("elif"):
                break
        found.append(self._pipe(given) if self._has("else") else given)
        self._expect("end")
        return self._reads.either(*found)

    def _call(self, name: str, given: Origins) -> Origins:
        own = name in self._own
        passing = name in _PASSING and not own
        found = self._arguments(name, given if passing else COMPUTED)
        if name in _CONSTANTS and not found and not own:
            return COMPUTED
        if not passing or not 0 < len(found) <= _PASSING[name]:
            for origins in (given, *found):
                self._reads.take(origins)
            return COMPUTED
        handed_on = _HANDED_ON.get(name)
        for index, origins in enumerate(found):
            if index != handed_on:
                self._reads.take(origins)
        if name == "select":
            return given
        return COMPUTED if handed_on is None else found[handed_on]

    def _arguments(self, name: str, given: Origins) -> list[Origins]:
        """What the arguments of a call give; whether it goes through items is found out on the way."""
        found: list[Origins] = []
        why: list[Streams] = []
        streams = self._streams
        if self._has("("):
            while True:
                self._streams = NO_STREAM
                found.append(self._pipe(given))
                why.append(self._streams)
                if not self._has(";"):
                    break
            self._expect(")")
        self._streams = streams | self._streams_of(name, why)
        return found

    def _streams_of(self, name: str, arguments: list[Streams]) -> Streams:
        if name in self._parameters and not arguments:
            return frozenset({name})
        if name not in self._own:
            return STREAM if name in _STREAMS else NO_STREAM
        parameters, streams = self._own_streams.get((name, len(arguments)), ((), NO_STREAM))
        passed = zip(parameters, arguments, strict=False)
        return (streams - set(parameters)).union(*(why for one, why in passed if one in streams))


def _defined(tokens: tuple[Token, ...]) -> frozenset[str]:
    """The names a program gives to functions of its own and their parameters: all that stand in a head."""
    names: set[str] = set()
    inside = False
    for token in tokens:
        if token.kind == "name" and token.text == "def" and not token.key:
            inside = True
        elif token.kind == "operator" and token.text == ":":
            inside = False
        elif inside and token.kind in ("name", "variable"):
            names.add(token.text)
    return frozenset(names)
