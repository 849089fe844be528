"""What gives names to values: `as`, `reduce`, `foreach` and `def`."""

from __future__ import annotations

from opcode_expr_jq.cursor import NO_STREAM, STREAM, NotUnderstoodError
from opcode_expr_jq.reads import COMPUTED, Origins
from opcode_expr_jq.terms import Terms
from opcode_expr_jq.tokens import Token


class Bindings(Terms):
    """The rules of bindings."""

    def _fold(self, word: str, given: Origins) -> Origins:
        streams = self._streams
        names = self._patterns_of_fold(given)
        self._expect("(")
        self._reads.take(self._pipe(given))
        before = self._variables
        self._variables = {**before, **names}
        while self._has(";"):
            self._reads.take(self._pipe(COMPUTED))
        self._variables = before
        self._expect(")")
        self._streams = streams | (STREAM if word == "foreach" else NO_STREAM)
        return COMPUTED

    def _patterns_of_fold(self, given: Origins) -> dict[str, Origins]:
        found = self._postfix(given)
        self._expect("as")
        return self._patterns(found, given)

    def _patterns(self, found: Origins, given: Origins) -> dict[str, Origins]:
        """The variables of `as`: a single one is the value, those inside of it are computed."""
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is not None and token.kind == "variable":
            self._at += 1
            if self._peek() != "?//":
                return {token.text: found}
            self._at -= 1
        self._reads.take(found)
        names: dict[str, Origins] = {}
        while True:
            self._pattern(names, given)
            if not self._has("?//"):
                return names

    def _pattern(self, names: dict[str, Origins], given: Origins) -> None:
        token = self._next()
        if token.kind == "variable":
            names[token.text] = COMPUTED
        elif token.text == "[":
            while not self._has("]"):
                self._pattern(names, given)
                self._has(",")
        elif token.text == "{":
            while not self._has("}"):
                self._pattern_member(names, given)
                self._has(",")
        else:
            raise NotUnderstoodError

    def _pattern_member(self, names: dict[str, Origins], given: Origins) -> None:
        token = self._next()
        if token.kind == "variable":
            names[token.text] = COMPUTED
        elif token.kind in ("quote", "format"):
            self._at -= 1
            self._reads.take(given)
            self._string(COMPUTED)
        elif token.text == "(":
            self._reads.take(given)
            self._reads.take(self._pipe(COMPUTED))
            self._expect(")")
        elif not token.key:
            raise NotUnderstoodError
        if self._has(":"):
            self._pattern(names, given)

    def _definition(self) -> None:
        """A function: what it is given is computed, for every call records its input as read."""
        name = self._next().text
        streams, self._streams = self._streams, NO_STREAM
        before, parameters = self._parameters, self._head()
        self._parameters = before | {token.text for token in parameters if token.kind == "name"}
        variables = {token.text: COMPUTED for token in parameters if token.kind == "variable"}
        self._reads.take(self._within(variables, COMPUTED))
        self._expect(";")
        names = tuple(token.text for token in parameters)
        self._own_streams[name, len(names)] = (names, self._streams)
        self._streams, self._parameters = streams, before

    def _head(self) -> list[Token]:
        """The parameters of a function, and the `:` behind them."""
        parameters: list[Token] = []
        if self._has("("):
            while not self._has(")"):
                parameters.append(self._next())
                self._has(";")
        self._expect(":")
        return parameters
