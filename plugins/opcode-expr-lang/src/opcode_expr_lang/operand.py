"""Parsing operands: literals, names, calls, predicates, lists and maps, and what follows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opcode_core import ExpressionSyntaxError

from opcode_expr_lang.lexer import WORDS, Token
from opcode_expr_lang.literals import number
from opcode_expr_lang.nodes import (
    Call,
    Constant,
    Item,
    ListOf,
    MapOf,
    Member,
    Method,
    Name,
    Node,
    Part,
    Pointer,
    Postfix,
    Slice,
)

PREDICATES = {
    **dict.fromkeys(("all", "any", "one", "none", "filter", "map"), (2, 2)),
    **dict.fromkeys(("find", "findIndex", "findLast", "findLastIndex", "groupBy"), (2, 2)),
    "count": (1, 2),
    "sum": (1, 2),
    "sortBy": (2, 3),
    "reduce": (2, 3),
}
"""The functions whose second argument is a predicate: the fewest and the most arguments they take."""

_CONSTANTS = {"true": True, "false": False, "nil": None}
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class TokenReader:
    """Goes through tokens.

    Args:
        tokens: The tokens, with the end.
        deepest: How deep brackets may be nested.
    """

    def __init__(self, tokens: list[Token], deepest: int) -> None:
        self._tokens = tokens
        self._deepest = deepest
        self._at = 0
        self._brackets = 0
        self.current = tokens[0]

    def advance(self) -> Token:
        """Go to the next token and give the one left behind."""
        token = self.current
        if token.kind == "end":
            raise self.unexpected()
        self._at += 1
        self.current = self._tokens[self._at]
        return token

    def ahead(self) -> Token:
        """The token after the current one."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def is_operator(self, text: str) -> bool:
        """Whether the current token is this operator."""
        return self.current.text == text and self.current.kind == "operator"

    def is_bracket(self, text: str) -> bool:
        """Whether the current token is this bracket."""
        return self.current.text == text and self.current.kind == "bracket"

    def expect(self, kind: str, text: str | None = None) -> Token:
        """Take the current token, which has to be of this kind and text."""
        if self.current.kind != kind or (text is not None and self.current.text != text):
            raise self.unexpected(f"`{text}`" if text else f"a {kind}")
        return self.advance()

    @contextmanager
    def bracket(self, opening: str) -> Iterator[None]:
        """Take an opening bracket, and the closing one after the block."""
        at = self.expect("bracket", opening).offset
        self._brackets += 1
        if self._brackets > self._deepest:
            raise ExpressionSyntaxError(
                f"nested deeper than {self._deepest} brackets: split the expression into several steps",
                at,
            )
        yield
        self.expect("bracket", _CLOSING[opening])
        self._brackets -= 1

    def unexpected(self, wanted: str | None = None) -> ExpressionSyntaxError:
        """The error for a token that cannot stand here."""
        token = self.current
        if token.kind == "end":
            ending = f": {wanted} is missing" if wanted else ""
            return ExpressionSyntaxError(f"the expression ends too early{ending}", token.offset)
        found = "a string" if token.kind == "string" else f"`{token.text}`"
        if token.text == "=" and token.kind == "operator":
            return ExpressionSyntaxError("`=` is not expected here: write `==`", token.offset)
        instead = f": {wanted} is" if wanted else ""
        return ExpressionSyntaxError(f"{found} is not expected here{instead}", token.offset)


class OperandParser(TokenReader):
    """Parses operands; what stands between them is the subclass's.

    Args:
        tokens: The tokens, with the end.
        deepest: How deep brackets may be nested.
    """

    def __init__(self, tokens: list[Token], deepest: int) -> None:
        super().__init__(tokens, deepest)
        self._predicates = 0

    def block(self) -> Node:
        """Parse statements up to what cannot belong to them."""
        raise NotImplementedError

    def expression(self) -> Node:
        """Parse one expression."""
        raise NotImplementedError

    def operand(self) -> Node:
        """Parse an operand with its members, items and slices."""
        token = self.current
        if token.kind == "name":
            return self._named()
        if token.kind == "number":
            self.advance()
            return Constant(token.offset, number(token.text, token.offset))
        if token.kind == "string":
            self.advance()
            return self.postfix(Constant(token.offset, token.text))
        if token.kind == "bracket" and token.text in _CLOSING:
            return self.postfix(self._bracketed(token))
        if self.is_operator("#") or self.is_operator("."):
            return self.postfix(self._pointer(token))
        if self.is_operator("::"):
            self.advance()
            return self.postfix(self.call(self.expect("name")))
        raise self.unexpected()

    def _named(self) -> Node:
        name = self.advance()
        if name.text in _CONSTANTS:
            return Constant(name.offset, _CONSTANTS[name.text])
        if self.is_bracket("("):
            return self.postfix(self.call(name))
        return self.postfix(Name(name.offset, name.text))

    def _bracketed(self, token: Token) -> Node:
        if token.text == "(":
            with self.bracket("("):
                return self.block()
        if token.text == "[":
            with self.bracket("["):
                return ListOf(token.offset, tuple(self._separated("]")))
        return self._map(token)

    def _pointer(self, token: Token) -> Node:
        if not self._predicates:
            raise ExpressionSyntaxError(
                f"`{token.text}` stands for an item, and only inside a predicate, as in "
                "filter(list, # > 1)",
                token.offset,
            )
        if token.text == ".":
            return Pointer(token.offset, "")
        self.advance()
        follows = self.current.offset == token.offset + 1
        name = self.advance().text if self.current.kind == "name" and follows else ""
        return Pointer(token.offset, name)

    def _separated(self, closing: str) -> Iterator[Node]:
        while not self.is_bracket(closing):
            yield self.expression()
            if self.is_bracket(closing):
                break
            self.expect("operator", ",")

    def _map(self, token: Token) -> Node:
        entries = []
        with self.bracket("{"):
            while not self.is_bracket("}"):
                key = self._key()
                self.expect("operator", ":")
                entries.append((key, self.expression()))
                if self.is_bracket("}"):
                    break
                self.expect("operator", ",")
        return MapOf(token.offset, tuple(entries))

    def _key(self) -> Node:
        token = self.current
        if token.kind in ("name", "string", "number"):
            self.advance()
            return Constant(token.offset, token.text)
        if self.is_bracket("("):
            with self.bracket("("):
                return self.block()
        raise ExpressionSyntaxError(
            "a key of a map is a name, a string, a number or an expression in parentheses",
            token.offset,
        )

    def call(self, name: Token, first: Node | None = None) -> Node:
        """Parse a call's arguments.

        Args:
            name: The function.
            first: The first argument, when a pipe brings it.
        """
        arguments = [] if first is None else [first]
        if name.text not in PREDICATES:
            with self.bracket("("):
                arguments.extend(self._separated(")"))
            return Call(name.offset, name.text, tuple(arguments))
        with self.bracket("("):
            while not self.is_bracket(")"):
                arguments.append(self._predicate() if len(arguments) == 1 else self.expression())
                if self.is_bracket(")"):
                    break
                self.expect("operator", ",")
        return Call(name.offset, name.text, tuple(arguments))

    def _predicate(self) -> Node:
        self._predicates += 1
        if self.is_bracket("{"):
            with self.bracket("{"):
                node = self.block()
        else:
            node = self.expression()
        self._predicates -= 1
        return node

    def postfix(self, base: Node) -> Node:
        """Parse the members, items, slices and methods that follow a base."""
        parts: list[Part] = []
        while True:
            if self.is_bracket("["):
                parts.append(self._item(optional=False))
            elif self.is_operator(".") or self.is_operator("?."):
                optional = self.advance().text == "?."
                if optional and self.is_bracket("["):
                    parts.append(self._item(optional=True))
                else:
                    parts.append(self._member(optional))
            else:
                break
        if not parts:
            return base
        if isinstance(base, Postfix):  # (a?.b).c is a?.b.c
            return Postfix(base.offset, base.base, (*base.parts, *parts))
        return Postfix(base.offset, base, tuple(parts))

    def _member(self, optional: bool) -> Part:  # noqa: FBT001 - a fact
        token = self.current
        if token.kind != "name" and token.text not in WORDS:
            raise ExpressionSyntaxError(
                "a name follows a dot; any other key is written in brackets, as in x['a-b'] or x[0]",
                token.offset,
            )
        self.advance()
        if not self.is_bracket("("):
            return Member(token.text, optional)
        with self.bracket("("):
            return Method(token.text, optional, tuple(self._separated(")")))

    def _item(self, *, optional: bool) -> Part:
        with self.bracket("["):
            start = None if self.is_operator(":") else self.expression()
            if start is not None and not self.is_operator(":"):
                return Item(start, optional)
            self.expect("operator", ":")
            end = None if self.is_bracket("]") else self.expression()
            return Slice(start, end)
