"""From a source to its syntax tree: cel-python's grammar reads, this module lays flat.

Only `CELParser` is used. cel-python's `Environment`, which would raise the recursion limit of the
whole process, and its runners never are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opcode_core import ExpressionLimits, ExpressionSyntaxError

from opcode_expr_cel.errors import shortened
from opcode_expr_cel.literals import Masked, mask
from opcode_expr_cel.nodes import (
    Call,
    Choice,
    Constant,
    Fold,
    Item,
    Junction,
    ListOf,
    MapOf,
    Member,
    Message,
    Method,
    Name,
    Node,
    Part,
    Postfix,
    Prefixed,
)
from opcode_expr_cel.values import MAX_INT, MAX_UINT, MIN_INT, Uint

_HINTS = {
    "and": "write `&&` for and",
    "or": "write `||` for or",
    "not": "write `!` for not",
    "=": "write `==` to compare",
    "&": "write `&&` for and",
    "|": "write `||` for or",
    "true": "write x['true'] for a member of that name",
    "false": "write x['false'] for a member of that name",
}
_TRANSPARENT = frozenset(
    [
        "expr",
        "conditionalor",
        "conditionaland",
        "relation",
        "addition",
        "multiplication",
        "unary",
        "member",
        "primary",
        "paren_expr",
    ]
)
_OPERATORS = {
    "relation_lt": "<",
    "relation_le": "<=",
    "relation_gt": ">",
    "relation_ge": ">=",
    "relation_eq": "==",
    "relation_ne": "!=",
    "relation_in": "in",
    "addition_add": "+",
    "addition_sub": "-",
    "multiplication_mul": "*",
    "multiplication_div": "/",
    "multiplication_mod": "%",
    "unary_not": "!",
    "unary_neg": "-",
}


def parse(source: str, limits: ExpressionLimits) -> Node:
    """Read a source.

    Args:
        source: The expression.
        limits: How large it may be, and how deep its brackets may be nested.

    Raises:
        ExpressionSyntaxError: It is no CEL, too large or nested too deep.
    """
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise ExpressionSyntaxError(
            "the expression holds half of a surrogate pair", error.start
        ) from None
    if size > limits.source_bytes:
        raise ExpressionSyntaxError(
            f"an expression may have {limits.source_bytes} bytes, this one has {size}: split it"
        )
    masked = mask(source, limits.depth)
    return _Builder(masked).node(_syntax(masked.text))


def _syntax(text: str) -> Any:
    # the grammar takes 80 ms to build, its package 60 ms to import: not before they are needed
    from celpy.celparser import CELParseError, CELParser

    if not text.strip():
        raise ExpressionSyntaxError("the expression is empty")
    try:
        return CELParser().parse(text)
    except CELParseError as error:
        raise _refusal(text, error) from None


def _refusal(text: str, error: Exception) -> ExpressionSyntaxError:
    reason = error.__context__  # what lark said: cel-python passes on no more than line and column
    token = getattr(reason, "token", None)
    if getattr(token, "type", None) == "$END":
        return ExpressionSyntaxError("not CEL: it ends too early", len(text.rstrip()))
    offset = getattr(reason, "pos_in_stream", None)
    word = str(token) if token else "" if offset is None else text[offset : offset + 1]
    hint = f"; {_HINTS[word]}" if word in _HINTS else ""
    if offset is None:
        return ExpressionSyntaxError(f"not CEL: `{word}` is not expected where it stands{hint}")
    line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    what = "this text" if word.startswith('"') else f"`{shortened(word)}`"
    return ExpressionSyntaxError(
        f"not CEL: {what} is not expected at line {line}, column {column}{hint}", offset
    )


class _Builder:
    """Lays the grammar's tree flat.

    Args:
        masked: The source the tree was read from, with its literals.
    """

    def __init__(self, masked: Masked) -> None:
        self._values = masked.values
        self._fields = masked.fields

    def node(self, tree: Any) -> Node:
        """Give the node for a tree of the grammar."""
        tree = _inside(tree)
        build: Callable[[Any], Node] = getattr(self, f"_{tree.data}")
        return build(tree)

    def _expr(self, tree: Any) -> Node:
        cases = []
        while tree.data == "expr" and len(tree.children) > 1:
            condition, result, rest = tree.children
            cases.append((self.node(condition), self.node(result)))
            tree = _inside(rest)
        return Choice(tuple(cases), self.node(tree))

    def _conditionalor(self, tree: Any) -> Node:
        return Junction("||", self._operands(tree))

    def _conditionaland(self, tree: Any) -> Node:
        return Junction("&&", self._operands(tree))

    def _operands(self, tree: Any) -> tuple[Node, ...]:
        operands, rule = [], tree.data
        while tree.data == rule:
            operands.append(self.node(tree.children[1]))
            tree = _inside(tree.children[0])
        operands.append(self.node(tree))
        return tuple(reversed(operands))

    def _relation(self, tree: Any) -> Node:
        rest, rule = [], tree.data
        while tree.data == rule:
            operation, right = tree.children
            rest.append((_OPERATORS[operation.data], self.node(right)))
            tree = _inside(operation.children[0])
        return Fold(self.node(tree), tuple(reversed(rest)))

    _addition = _multiplication = _relation

    def _unary(self, tree: Any) -> Node:
        operators = []
        while tree.data == "unary":
            operators.append(_OPERATORS[tree.children[0].data])
            tree = _inside(tree.children[1])
        return Prefixed(tuple(reversed(operators)), self.node(tree))

    def _member_dot(self, tree: Any) -> Node:
        parts: list[Part] = []
        while tree.data in _PARTS:
            parts.append(self._part(tree))
            tree = _inside(tree.children[0])
        return Postfix(self.node(tree), tuple(reversed(parts)))

    _member_dot_arg = _member_index = _member_dot

    def _part(self, tree: Any) -> Part:
        _, second, *rest = tree.children
        if tree.data == "member_index":
            return Item(self.node(second), tree.meta.end_pos - 1)
        offset = second.start_pos
        if tree.data == "member_dot":
            return Member(self._fields.get(offset, str(second)), offset)
        self._no_field(second)
        return Method(str(second), self._arguments(rest), offset)

    def _arguments(self, trees: list[Any]) -> tuple[Node, ...]:
        return tuple([self.node(one) for one in trees[0].children]) if trees else ()

    def _member_object(self, tree: Any) -> Node:
        target, *rest = tree.children
        start = tree.meta.start_pos
        base = self.node(target)
        path = _dotted(base)
        if path is None:
            raise ExpressionSyntaxError("only a type's name may stand before `{`", start)
        pieces = rest[0].children if rest else []
        names = [str(one) for one in pieces[::2]]
        return Message(path, tuple(zip(names, map(self.node, pieces[1::2]), strict=True)), start)

    def _ident(self, tree: Any) -> Node:
        token = tree.children[0]
        self._no_field(token)
        return Name(str(token), token.start_pos, root=tree.data == "dot_ident")

    _dot_ident = _ident

    def _ident_arg(self, tree: Any) -> Node:
        token, *rest = tree.children
        self._no_field(token)
        return Call(str(token), self._arguments(rest), token.start_pos)

    _dot_ident_arg = _ident_arg

    def _no_field(self, token: Any) -> None:
        if token.start_pos in self._fields:
            raise ExpressionSyntaxError("a name in backticks follows a dot", token.start_pos)

    def _list_lit(self, tree: Any) -> Node:
        return ListOf(self._arguments(tree.children))

    def _map_lit(self, tree: Any) -> Node:
        pieces = [self.node(one) for one in tree.children[0].children] if tree.children else []
        return MapOf(tuple(zip(pieces[::2], pieces[1::2], strict=True)))

    def _literal(self, tree: Any) -> Node:
        token = tree.children[0]
        text, offset = str(token), token.start_pos
        if token.type == "BOOL_LIT":
            return Constant(text == "true")
        if token.type == "NULL_LIT":
            return Constant(None)
        if token.type == "FLOAT_LIT":
            return Constant(float(text))
        if token.type in ("INT_LIT", "UINT_LIT"):
            return Constant(_integer(text, offset))
        return Constant(self._values[offset])


_PARTS = frozenset({"member_dot", "member_dot_arg", "member_index"})


def _inside(tree: Any) -> Any:
    # one operand without an operator passes through a dozen rules of the grammar
    while tree.data in _TRANSPARENT and len(tree.children) == 1:
        tree = tree.children[0]
    return tree


def _integer(text: str, offset: int) -> int | Uint:
    unsigned = text[-1] in "uU"
    digits = text.rstrip("uU")
    value = int(digits, 16 if "0x" in digits else 10)
    least, most = (0, MAX_UINT) if unsigned else (MIN_INT, MAX_INT)
    if not least <= value <= most:
        kind = "uint" if unsigned else "int"
        raise ExpressionSyntaxError(
            f"the number {shortened(text)} is beyond 64 bits ({kind})", offset
        )
    return Uint(value) if unsigned else value


def _dotted(node: Node) -> str | None:
    if isinstance(node, Name):
        return node.name
    if not isinstance(node, Postfix) or not isinstance(node.base, Name):
        return None
    names = [part.name for part in node.parts if isinstance(part, Member)]
    return ".".join([node.base.name, *names]) if len(names) == len(node.parts) else None
