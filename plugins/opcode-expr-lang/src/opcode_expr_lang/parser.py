"""From tokens to a syntax tree: operators by their precedence, blocks, choices, predicates."""

from __future__ import annotations

from opcode_core import ExpressionLimits, ExpressionSyntaxError

from opcode_expr_lang.lexer import Token, tokens_of
from opcode_expr_lang.nodes import Block, Choice, Fold, Let, Node, Prefixed, Step
from opcode_expr_lang.operand import OperandParser

BINARY = {
    "|": 0,
    "or": 10,
    "||": 10,
    "and": 15,
    "&&": 15,
    **dict.fromkeys(("==", "!=", "<", ">", ">=", "<="), 20),
    **dict.fromkeys(("in", "matches", "contains", "startsWith", "endsWith"), 20),
    "..": 25,
    "+": 30,
    "-": 30,
    "*": 60,
    "/": 60,
    "%": 60,
    "**": 100,
    "^": 100,
    "??": 500,
}
"""How strongly an operator of two operands holds them."""
UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
"""The same for operators of one operand."""

_NEGATABLE = frozenset({"in", "matches", "contains", "startsWith", "endsWith"})
_CHAINED = frozenset({"<", ">", "<=", ">="})
_LEVELS_OF_A_BRACKET = 3
"""How many times as deep as brackets operands may be nested in operators without one, and one in the other."""


def parse(source: str, limits: ExpressionLimits) -> Node:
    """Parse a source.

    Args:
        source: The expression.
        limits: How large it may be, and how deep its brackets may be nested.

    Raises:
        ExpressionSyntaxError: It is no expression, too large or nested too deep.
    """
    tokens = tokens_of(source, limits.source_bytes)
    if len(tokens) == 1:
        raise ExpressionSyntaxError("the expression is empty")
    parser = Parser(tokens, limits.depth)
    node = parser.block()
    if parser.current.kind != "end":
        raise parser.unexpected()
    return node


class Parser(OperandParser):
    """Parses what stands between operands.

    Args:
        tokens: The tokens, with the end.
        deepest: How deep brackets may be nested.
    """

    def __init__(self, tokens: list[Token], deepest: int) -> None:
        super().__init__(tokens, deepest)
        self._levels = 0

    def block(self) -> Node:
        """Parse `let a = b; c; d`, up to what cannot belong to it."""
        start = self.current.offset
        statements: list[Node | Let] = []
        while True:
            if self.is_operator("let"):
                statements.append(self._let())
                self.expect("operator", ";")
                continue
            statements.append(self._one())
            if not self.is_operator(";"):
                break
            self.advance()
            if self.current.kind == "end":
                break
        return _block(start, statements)

    def expression(self) -> Node:
        """Parse one expression; `let` takes what follows it along."""
        return self.block() if self.is_operator("let") else self._one()

    def _let(self) -> Let:
        self.advance()
        name = self.expect("name")
        self.expect("operator", "=")
        return Let(name.text, self.expression(), name.offset)

    def _one(self) -> Node:
        if self.is_operator("if"):
            return self._if()
        node = self._operators(0)
        start = node.offset
        branches: list[tuple[Node, Node | None]] = []
        while self.is_operator("?"):
            self.advance()
            if self.is_operator(":"):
                self.advance()
                branches.append((node, None))
            else:
                branches.append((node, self._nested()))
                self.expect("operator", ":")
            if self.is_operator("let") or self.is_operator("if"):
                node = self._nested()
                break
            node = self._operators(0)
        return Choice(start, tuple(branches), node) if branches else node

    def _nested(self) -> Node:
        self._deeper()
        node = self.expression()
        self._levels -= 1
        return node

    def _if(self) -> Node:
        start = self.current.offset
        branches: list[tuple[Node, Node | None]] = []
        while self.is_operator("if"):
            self.advance()
            condition = self._nested()
            branches.append((condition, self._braced()))
            if not self.is_operator("else"):
                raise ExpressionSyntaxError(
                    "an `if` needs an `else`, as in if a { b } else { c }", self.current.offset
                )
            self.advance()
        return Choice(start, tuple(branches), self._braced())

    def _braced(self) -> Node:
        with self.bracket("{"):
            return self.block()

    def _operators(self, least: int) -> Node:
        """Parse operands and the operators between them that hold at least so strongly."""
        self._deeper()
        start, outer = self.current.offset, self._levels - 1
        node = self._prefixed()
        steps: list[Step] = []
        while True:
            operator, negated = self._binary(least)
            if operator is None:
                break
            if operator.text == "|":
                self._deeper()
                node, steps = self._piped(_fold(start, node, steps)), []
            elif operator.text in ("**", "^"):
                right = self._operators(BINARY[operator.text])
                steps.append(Step("**", right, negated, operator.offset))
            else:
                self._check_mixed(steps, operator)
                steps.append(self._step(operator, negated))
        self._levels = outer
        return _fold(start, node, steps)

    def _step(self, operator: Token, negated: bool) -> Step:  # noqa: FBT001 - a fact
        above = BINARY[operator.text] + 1
        operand = self._operators(above)
        chained = []
        while operator.text in _CHAINED and self.current.text in _CHAINED:
            if self.current.kind != "operator":
                break
            chained.append((self.advance().text, self._operators(above)))
        return Step(operator.text, operand, negated, operator.offset, tuple(chained))

    def _binary(self, least: int) -> tuple[Token | None, bool]:
        """Take the operator that comes next, if it holds strongly enough, and whether it is negated."""
        token = self.current
        if token.kind != "operator":
            return None, False
        negated = token.text == "not"
        if negated:
            token = self.ahead()
            if token.text not in _NEGATABLE or token.kind != "operator":
                raise self.unexpected()
        if BINARY.get(token.text, -1) < least:
            return None, False
        if negated:
            self.advance()
        return self.advance(), negated

    @staticmethod
    def _check_mixed(steps: list[Step], operator: Token) -> None:
        if steps and steps[-1].operator == "??" and operator.text != "??":
            raise ExpressionSyntaxError(
                f"`??` and `{operator.text}` cannot be mixed without parentheses: put them around "
                "the part with `??`",
                operator.offset,
            )

    def _piped(self, left: Node) -> Node:
        name = self.expect("name")
        node = self.call(name, left)
        return self.postfix(node)

    def _prefixed(self) -> Node:
        token = self.current
        if token.kind != "operator" or token.text not in UNARY:
            return self.operand()
        times = 0
        while self.current.kind == "operator" and self.current.text == token.text:
            self.advance()
            times += 1
        operand = self._operators(UNARY[token.text])
        operator = "not" if token.text == "!" else token.text
        return Prefixed(token.offset, operator, times, operand)

    def _deeper(self) -> None:
        self._levels += 1
        if self._levels > _LEVELS_OF_A_BRACKET * self._deepest:
            raise ExpressionSyntaxError(
                f"nested deeper than {self._deepest}: split the expression, or give parts a name with `let`",
                self.current.offset,
            )


def _block(start: int, statements: list[Node | Let]) -> Node:
    only = statements[0]
    if len(statements) == 1 and isinstance(only, Node):
        return only
    return Block(start, tuple(statements))


def _fold(start: int, base: Node, steps: list[Step]) -> Node:
    return Fold(start, base, tuple(steps)) if steps else base
