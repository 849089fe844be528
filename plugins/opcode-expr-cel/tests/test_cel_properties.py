"""Random sources and random numbers."""

import json
import math
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from opcode_core import ExecutionError, ExpressionSyntaxError, InterpolationError
from opcode_expr_cel.engine import CelEngine

ENGINE = CelEngine()
PIECES = [
    "inputs",
    "steps",
    "iter",
    "x",
    ".",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    ":",
    "?",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "||",
    "in",
    "1",
    "2.5",
    "3u",
    "0",
    "'a'",
    "b'a'",
    '"a"',
    "r'\\'",
    '"""',
    "null",
    "true",
    "false",
    "has(",
    ".map(x,",
    ".filter(x,",
    ".all(x,",
    ".exists(x,",
    "size(",
    "int(",
    "string(",
    ".matches('a')",
    ".split('a')",
    "math.abs(",
    "['b']",
    ".c",
    "//",
    "\n",
    "\\",
    "`",
    "é",
    "timestamp(",
    "duration(",
]
INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-10, 10)
NUMBERS = INTEGERS | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_compiling_raises_nothing_but_its_error(source: str) -> None:
    refusal = None
    try:
        assert ENGINE.compile(source).source == source
    except ExpressionSyntaxError as error:
        refusal = error
    assert refusal is None or 0 <= (refusal.offset or 0) <= len(source)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        [
            "{a}.b",
            "{a}[{b}]",
            "{a}+{b}",
            "{a}-{b}",
            "{a}*{b}",
            "{a}/{b}",
            "{a}%{b}",
            "{a}<{b}",
            "{a}=={b}",
            "{a}_in_{b}",
            "-{a}",
            "!{a}",
            "size({a})",
            "int({a})",
            "uint({a})",
            "double({a})",
            "string({a})",
            "bool({a})",
            "bytes({a})",
            "timestamp({a})",
            "duration({a})",
            "{a}.contains({b})",
            "{a}.matches({b})",
            "{a}.split({b})",
            "{a}.join({b})",
            "{a}.map(x,x+{b})",
            "{a}.all(x,x=={b})",
            "has({a}.b)",
            "[{a},{b}]",
            "{{'k':{a},{b}:1}}",
            "{a}?{b}:1",
            "'%s_%d'.format([{a},{b}])",
            "math.greatest({a},{b})",
            "math.round({a})",
            "{a}.substring({b})",
            "{a}.replace({b},{a})",
            "{a}.getHours({b})",
            "strings.quote({a})",
            "math.bitShiftLeft({a},{b})",
            "string(timestamp({a})-timestamp({b}))",
            "type({a})=={b}",
        ]
    ),
    VALUES,
    VALUES,
)
def test_evaluating_gives_json_or_one_of_two_errors(shape: str, one: Any, other: Any) -> None:
    source = shape.replace("_", " ").format(a="inputs.one", b="inputs.other")
    try:
        found = ENGINE.compile(source).evaluate({"inputs": {"one": one, "other": other}})
    except (ExecutionError, InterpolationError):
        return
    json.dumps(found, allow_nan=False)


def compared(test: Callable[[Any, Any], bool], one: float, other: float) -> bool:
    if isinstance(one, float) != isinstance(other, float):
        return test(float(one), float(other))
    return test(one, other)


@settings(max_examples=300, deadline=None)
@given(NUMBERS, NUMBERS)
def test_comparing_numbers(one: float, other: float) -> None:
    variables = {"inputs": {"a": one, "b": other}}
    for symbol, test in {
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }.items():
        wanted = compared(test, one, other)
        assert ENGINE.compile(f"inputs.a {symbol} inputs.b").evaluate(variables) is wanted
    assert ENGINE.compile("inputs.a in [inputs.b]").evaluate(variables) is compared(
        operator.eq, one, other
    )


def whole(symbol: str, one: int, other: int) -> int:
    if symbol in "+-*":
        return {"+": one + other, "-": one - other, "*": one * other}[symbol]
    quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
    return quotient if symbol == "/" else one - other * quotient


def model(symbol: str, one: float, other: float) -> float | None:
    if isinstance(one, int) and isinstance(other, int):
        if other == 0 and symbol in "/%":
            return None
        result = whole(symbol, one, other)
        return result if -(2**63) <= result < 2**63 else None
    if symbol == "%":
        return None
    a, b = float(one), float(other)
    if symbol == "/":
        found = a / b if b else math.nan
    else:
        found = {"+": operator.add, "-": operator.sub, "*": operator.mul}[symbol](a, b)
    return found if math.isfinite(found) else None


@settings(max_examples=300, deadline=None)
@given(st.sampled_from("+-*/%"), NUMBERS, NUMBERS)
def test_arithmetic(symbol: str, one: float, other: float) -> None:
    expression = ENGINE.compile(f"inputs.a {symbol} inputs.b")
    wanted = model(symbol, one, other)
    variables = {"inputs": {"a": one, "b": other}}
    if wanted is None:
        with pytest.raises(ExecutionError):
            expression.evaluate(variables)
        return
    found = expression.evaluate(variables)
    assert found == wanted
    assert type(found) is type(wanted)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20))
def test_texts_survive_their_literal(text: str) -> None:
    escaped = "".join(f"\\U{ord(one):08x}" for one in text)
    assert ENGINE.compile(f"'{escaped}'").evaluate({}) == text
    assert ENGINE.compile("inputs.t").evaluate({"inputs": {"t": text}}) == text
