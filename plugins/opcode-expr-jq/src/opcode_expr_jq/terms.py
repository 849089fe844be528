"""Terms: paths, strings, lists, objects, and what may follow a term."""

from __future__ import annotations

from opcode_expr_jq.cursor import STREAM, Cursor, NotUnderstoodError
from opcode_expr_jq.reads import COMPUTED, Origins
from opcode_expr_jq.tokens import KEYWORDS, Token


class Terms(Cursor):
    """The rules of terms."""

    def _postfix(self, given: Origins) -> Origins:
        found = self._term(given)
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == "field":
                self._at += 1
                found = self._reads.member(found, token.text, token.offset)
            elif token.kind == "operator" and token.text in ("?", ".", "["):
                self._at += 1
                if token.text == "[":
                    found = self._bracket(found, given, token.offset)
                elif token.text == ".":
                    found = self._after_dot(found, given)
            else:
                break
        return found

    def _after_dot(self, found: Origins, given: Origins) -> Origins:
        """What follows a lone `.` behind a term: a string or a bracket."""
        token = self._next()
        if token.text == "[":
            return self._bracket(found, given, token.offset)
        self._at -= 1
        if token.kind not in ("quote", "format"):
            raise NotUnderstoodError
        return self._named(found, given, token.offset)

    def _named(self, found: Origins, given: Origins, offset: int) -> Origins:
        """A member that is named by a string."""
        key = self._string(given)
        if key is not None:
            return self._reads.member(found, key, offset)
        self._reads.take(found)
        return COMPUTED

    def _bracket(self, found: Origins, given: Origins, offset: int) -> Origins:
        """What follows a `[` behind a term: nothing, a key, or a slice."""
        if self._has("]"):
            self._streams |= STREAM
            self._reads.take(found)
            return COMPUTED
        key = self._literal_key()
        if key is not None:
            return self._reads.member(found, key, offset)
        self._reads.take(found)
        if not self._has(":"):
            self._reads.take(self._pipe(given))
            if self._has("]"):
                return COMPUTED
            self._expect(":")
        if not self._has("]"):
            self._reads.take(self._pipe(given))
            self._expect("]")
        return COMPUTED

    def _literal_key(self) -> str | int | None:
        """The key in brackets that is written out, and the `]` behind it; None when there is none."""
        ahead = self._tokens[self._at : self._at + 4]
        kinds, texts = [token.kind for token in ahead], [token.text for token in ahead]
        if kinds[:2] == ["number", "operator"] and texts[1] == "]" and texts[0].isdecimal():
            self._at += 2
            return int(texts[0][:18])
        if kinds == ["quote", "text", "quote", "operator"] and texts[3] == "]":
            self._at += 4
            return texts[1]
        return None

    def _term(self, given: Origins) -> Origins:
        token = self._next()
        if token.kind == "number":
            return COMPUTED
        if token.kind == "field":
            return self._reads.member(given, token.text, token.offset)
        if token.kind == "variable":
            return self._variables.get(token.text, COMPUTED)
        if token.kind in ("quote", "format"):
            self._at -= 1
            self._string(given)
            return COMPUTED
        if token.kind == "name":
            return (
                self._keyword(token.text, given)
                if token.text in KEYWORDS
                else self._call(token.text, given)
            )
        return self._operator_term(token, given)

    def _operator_term(self, token: Token, given: Origins) -> Origins:
        if token.text == ".":
            ahead = self._tokens[self._at] if self._at < len(self._tokens) else None
            if ahead is not None and ahead.kind in ("quote", "format"):
                return self._named(given, given, ahead.offset)
            return given
        if token.text == "..":
            self._streams |= STREAM
            self._reads.take(given)
            return COMPUTED
        if token.text == "(":
            found = self._pipe(given)
            self._expect(")")
            return found
        if token.text == "[":
            if not self._has("]"):
                streams = self._streams
                self._reads.take(self._pipe(given))
                self._streams = streams  # collected
                self._expect("]")
            return COMPUTED
        if token.text == "{":
            self._object(given)
            return COMPUTED
        raise NotUnderstoodError

    def _string(self, given: Origins) -> str | None:
        """A string; its text if nothing is computed in it."""
        computed = bool(self._tokens[self._at].kind == "format")
        if computed:
            self._at += 1
            if self._peek() != '"':  # a format by itself is applied to the input
                self._reads.take(given)
                return None
        self._expect('"')
        pieces: list[str] = []
        while True:
            token = self._next()
            if token.kind == "quote":
                return None if computed else "".join(pieces)
            if token.kind == "text":
                pieces.append(token.text)
            elif token.text == "\\(":
                computed = True
                self._reads.take(self._pipe(given))
                self._expect(")")
            else:
                raise NotUnderstoodError

    def _object(self, given: Origins) -> None:
        while not self._has("}"):
            token = self._next()
            if token.kind == "variable":
                self._reads.take(self._variables.get(token.text, COMPUTED))
            elif token.key:
                if self._peek() != ":":
                    self._reads.take(self._reads.member(given, token.text, token.offset))
            elif token.kind in ("quote", "format"):
                self._at -= 1
                key = self._string(given)
                if self._peek() != ":":
                    self._reads.take(
                        given if key is None else self._reads.member(given, key, token.offset)
                    )
            elif token.text == "(":
                self._reads.take(self._pipe(given))
                self._expect(")")
            else:
                raise NotUnderstoodError
            if self._has(":"):
                self._reads.take(self._pipe(given, comma=False))
            if not self._has(","):
                self._expect("}")
                return
