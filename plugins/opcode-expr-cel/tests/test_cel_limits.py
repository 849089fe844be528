"""Hostile sources and values: everything ends in time, and in one of the engine's errors."""

import threading
import time
from typing import Any

import pytest
from opcode_core import ExecutionError, ExpressionSyntaxError, InterpolationError
from opcode_expr_cel.engine import CelEngine

ENGINE = CelEngine()
TIME = 20.0
"""Seconds: the limit of one, and room for a busy machine."""

TENFOLD = ".map(a, [a, a, a, a, a, a, a, a, a, a])" * 30


def in_time(source: str, variables: dict[str, Any] | None = None) -> Any:
    start = time.monotonic()
    try:
        return ENGINE.compile(source).evaluate(variables or {})
    finally:
        assert time.monotonic() - start < TIME


@pytest.fixture(scope="module", autouse=True)
def _grammar_is_built() -> None:
    ENGINE.compile("1")


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("||".join(["true"] * 680), True),
        ("&&".join(["true"] * 680), True),
        ("+".join(["1"] * 2000), 2000),
        ("*".join(["1"] * 2000), 1),
        ("-" * 4000 + "1", 1),
        ("!" * 4001 + "true", False),
        ("true?1:" * 500 + "2", 1),
        ("false?1:" * 500 + "2", 2),
        ("'a'" + ".trim()" * 580, "a"),
        ("[1]" + ".map(x,x)" * 400, [1]),
        ("inputs" + ".x" * 2000, InterpolationError),
        ("[0]" * 1300, ExecutionError),
        ("1<" * 2000 + "2", ExecutionError),
        ("(" * 50 + "1" + ")" * 50, 1),
        ("[" * 50 + "]" * 50 + " == []", False),
        ("'((((((((((((((((((((((((((((((((((((((((((((((((((((((((' == ''", False),
    ],
)
def test_long_chains_and_deep_brackets(source: str, result: Any) -> None:
    if isinstance(result, type):
        with pytest.raises(result):
            in_time(source, {"inputs": {}})
    else:
        assert in_time(source) == result


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("(" * 51 + "1" + ")" * 51, "nested deeper than 50"),
        ("[" * 300, "nested deeper than 50"),
        ("{1:" * 51, "nested deeper than 50"),
        ("'" + "é" * 2048 + "'", "4096 bytes, this one has 4098"),
        ('"' + "\\a" * 2000, "is not closed"),
        ('"""' + "\\a" * 2000, "is not closed"),
        ("'" * 4095, "not"),
    ],
)
def test_sources_beyond_the_limits(source: str, words: str) -> None:
    with pytest.raises(ExpressionSyntaxError, match=words):
        in_time(source)


def test_deep_nesting_of_every_operator_raises_no_recursion_error() -> None:
    source = "false?1:false||true&&1<1+1*-(" * 50 + "1" + ")" * 50
    with pytest.raises((ExpressionSyntaxError, ExecutionError)):
        in_time(source)


@pytest.mark.parametrize(
    "source",
    [
        "inputs.l.map(a, inputs.l.map(b, inputs.l.map(c, inputs.l.map(d, 1))))",
        "inputs.l.all(a, inputs.l.all(b, inputs.l.all(c, inputs.l.all(d, true))))",
        "inputs.l.exists_one(a, inputs.l.exists(b, inputs.l.exists(c, false)))",
        "inputs.l.filter(a, inputs.l == inputs.m)",
        "[" * 30 + "'0123456789'" + "].map(x, x + x)[0]" * 30,
        "inputs.l.map(x, inputs.l + inputs.l)",
        "inputs.l.map(x, inputs.s + inputs.s)",
        "inputs.l.map(x, inputs.s.replace('a', 'bbb'))",
        "inputs.s.replace('', inputs.s)",
        "inputs.l.map(x, inputs.s).join(inputs.s)",
        "[0]" + TENFOLD,
        f"[0]{TENFOLD} == [0]{TENFOLD}",
        f"[0]{TENFOLD} in [[0]{TENFOLD}]",
        f"'%s'.format([[0]{TENFOLD}])",
        "'%.999f'.format([1.5])",
        "inputs.s.split('').map(x, inputs.s.split(''))",
    ],
)
def test_time_and_memory_are_bounded(source: str) -> None:
    items = [0] * 200_000
    inputs = {"l": items, "m": list(items), "s": "a" * 400_000}
    with pytest.raises(ExecutionError, match=r"longer than 1 s|builds more than|up to 100"):
        in_time(source, {"inputs": inputs})


def test_patterns_are_linear() -> None:
    inputs = {"s": "a" * 100_000 + "!"}
    assert in_time("inputs.s.matches('^(a+)+$')", {"inputs": inputs}) is False


def test_nothing_absorbs_a_limit() -> None:
    inputs = {"s": "a" * 600_000}
    with pytest.raises(ExecutionError, match="builds more than"):
        in_time("inputs.s + inputs.s == '' || true", {"inputs": inputs})


def test_values_nested_too_deep_are_an_error() -> None:
    def nested() -> Any:
        value: Any = []
        for _ in range(5000):
            value = [value]
        return value

    with pytest.raises(ExecutionError, match="nested too deep"):
        in_time("inputs.a == inputs.b", {"inputs": {"a": nested(), "b": nested()}})


def test_one_expression_in_many_threads() -> None:
    expression = ENGINE.compile("inputs.l.map(x, [inputs.n].map(y, x * y)[0])")
    wrong: list[Any] = []

    def work(number: int) -> None:
        variables = {"inputs": {"l": list(range(50)), "n": number}}
        for _ in range(50):
            found = expression.evaluate(variables)
            if found != [at * number for at in range(50)]:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
