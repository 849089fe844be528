"""Random sources, random data and random numbers."""

import json
import math
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from opcode_core import ExecutionError, ExpressionSyntaxError
from opcode_expr_lang.engine import ExprEngine
from opcode_expr_lang.functions import FUNCTIONS
from opcode_expr_lang.operand import PREDICATES

ENGINE = ExprEngine(("inputs", "data", "x"))
PIECES = [
    *("inputs", "data", "x", ".", "?.", "[", "]", "(", ")", "{", "}", ",", ":", ";", "?", "??"),
    *(
        "!",
        "not ",
        "-",
        "+",
        "*",
        "/",
        "%",
        "**",
        "^",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "&&",
        "||",
    ),
    *(" in ", " and ", " or ", " matches ", " contains ", "..", "|", "::", "#", "#acc", "#index"),
    *(
        "1",
        "2.5",
        "0x1f",
        "0",
        "'a'",
        '"a"',
        "`a`",
        "nil",
        "true",
        "false",
        "let y = ",
        "y",
        "=",
        "$env",
    ),
    *(
        "if ",
        " else ",
        "//",
        "/*",
        "\n",
        "\\",
        "é",
        "$",
        "@",
        "'",
        "['b']",
        ".c",
        "[1:]",
        ".Year()",
    ),
    *(f"{name}(" for name in [*FUNCTIONS, *PREDICATES]),
]
INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-10, 10)
NUMBERS = INTEGERS | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
ARGUMENTS = st.lists(VALUES, min_size=1, max_size=3)


def run(source: str, variables: dict[str, Any]) -> Any:
    try:
        found = ENGINE.compile(source).evaluate(variables)
    except (ExpressionSyntaxError, ExecutionError):
        return None
    json.dumps(found, allow_nan=False)
    return found


@given(st.text(max_size=200))
def test_any_text_is_compiled_or_refused(source: str) -> None:
    run(source, {"inputs": {"a": 1}, "data": [1, "a", {"b": 2}], "x": "a"})


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_pieces_are_compiled_or_refused(pieces: list[str]) -> None:
    run("".join(pieces), {"inputs": {"a": 1, "c": [1]}, "data": [1, "a", {"b": 2}], "x": "a"})


@given(VALUES)
def test_any_json_comes_back_equal(value: Any) -> None:
    for source in ("data", "[data][0]", "{a: data}.a", "let y = data; y", "map([data], #)[0]"):
        assert run(source, {"data": value}) == value
    assert ENGINE.compile("[data]").evaluate({"data": value}) == [value]
    assert ENGINE.compile("data == data").evaluate({"data": value}) is True
    copied = json.loads(json.dumps(value))
    assert ENGINE.compile("data == x").evaluate({"data": value, "x": copied}) is True
    assert ENGINE.compile("data in [x]").evaluate({"data": value, "x": copied}) is True


@given(VALUES)
def test_json_text_is_read_by_json(value: Any) -> None:
    written = ENGINE.compile("toJSON(data)").evaluate({"data": value})
    wanted = json.loads(json.dumps(value), parse_int=float)
    assert json.loads(written, parse_int=float) == wanted  # a whole float is written without point


@given(st.sampled_from(sorted(FUNCTIONS)), ARGUMENTS)
def test_any_function_takes_or_refuses_any_value(name: str, arguments: list[Any]) -> None:
    source = f"{name}({', '.join(f'data[{at}]' for at in range(len(arguments)))})"
    before = json.dumps(arguments)
    run(source, {"data": arguments})
    assert json.dumps(arguments) == before


@given(st.sampled_from(sorted(PREDICATES)), VALUES, VALUES)
def test_any_predicate_takes_or_refuses_any_value(name: str, items: Any, value: Any) -> None:
    before = json.dumps([items, value])
    for predicate in ("#", "x", "# == x", "#.a", "[#, #index]", "{# != x}"):
        run(f"{name}(data, {predicate})", {"data": items, "x": value})
        run(f"{name}([data, x], {predicate})", {"data": items, "x": value})
    assert json.dumps([items, value]) == before


@pytest.mark.parametrize(
    ("sign", "meaning"),
    [("+", operator.add), ("-", operator.sub), ("*", operator.mul)],
)
@given(left=INTEGERS, right=INTEGERS)
def test_integers_are_exact_or_refused(
    sign: str, meaning: Callable[[int, int], int], left: int, right: int
) -> None:
    wanted = meaning(left, right)
    found = run(f"inputs {sign} data", {"inputs": left, "data": right})
    assert found == (wanted if -(2**63) <= wanted < 2**63 else None)


@given(left=INTEGERS, right=INTEGERS)
def test_the_remainder_has_the_sign_of_the_left(left: int, right: int) -> None:
    found = run("inputs % data", {"inputs": left, "data": right})
    if right:
        assert found == left - right * int(math.copysign(1, left) * math.copysign(1, right)) * (
            abs(left) // abs(right)
        )
    else:
        assert found is None


@given(left=NUMBERS, right=NUMBERS)
def test_comparisons_agree_with_one_another(left: float, right: float) -> None:
    variables = {"inputs": left, "data": right}
    less, equal, more = (run(f"inputs {sign} data", variables) for sign in ("<", "==", ">"))
    assert [less, equal, more].count(True) == 1
    assert run("inputs <= data", variables) is (less or equal)
    assert run("inputs >= data", variables) is (more or equal)


@given(st.lists(NUMBERS) | st.lists(TEXTS))
def test_sorting_is_sorted(items: list[Any]) -> None:
    assert run("sort(data)", {"data": items}) == sorted(items)
    assert run("sort(data, 'desc')", {"data": items}) == sorted(items, reverse=True)
    assert run("sortBy(data, #)", {"data": items}) == sorted(items)


def test_sorting_a_long_list_is_stable() -> None:
    rows = [{"key": at * 7919 % 101, "at": at} for at in range(50_000)]
    found = run("sortBy(data, .key)", {"data": rows})
    assert found == sorted(rows, key=lambda row: row["key"])
    found = run("sortBy(data, .key, 'desc')", {"data": rows})
    assert found == sorted(rows, key=lambda row: row["key"], reverse=True)


@given(st.integers(-(10**14), 10**14))
def test_a_duration_s_text_is_read_back(nanos: int) -> None:
    written = ENGINE.compile("string(duration(data))").evaluate({"data": f"{nanos}ns"})
    assert ENGINE.compile("duration(data).Nanoseconds()").evaluate({"data": written}) == nanos


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_a_date_s_text_is_read_back(seconds: int) -> None:
    shift = "date('1970-01-01') + duration(string(data % 9000000000) + 's')"
    written = ENGINE.compile(shift).evaluate({"data": seconds})
    assert ENGINE.compile("date(data).Unix()").evaluate({"data": written}) == int(
        math.fmod(seconds, 9_000_000_000)
    )
