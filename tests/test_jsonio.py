"""JSON from outside is read strictly, JSON inside is written compactly, numbers have ECMAScript's text."""

from __future__ import annotations

import json
import math
import time
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, strategies as st
from opcode_core.errors import LimitExceededError, ValidationError
from opcode_core.jsonio import (
    MAX_DEPTH,
    MAX_INTEGER,
    MIN_INTEGER,
    canonical_json,
    compact_json,
    number_text,
    parse_json,
    read_json,
    type_name,
    write_json,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(MIN_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def refusal(text: str | bytes) -> str:
    with pytest.raises(ValidationError) as caught:
        parse_json(text)
    return caught.value.message


@given(JSON)
def test_what_is_written_is_read_back_the_same(value: Any) -> None:
    for text in (compact_json(value), write_json(value)):
        assert same(parse_json(text), value)
    assert parse_json(canonical_json(value)) == value
    assert same(read_json(write_json(value)), value)


@given(JSON)
def test_the_compact_text_is_the_one_of_the_standard_library(value: Any) -> None:
    assert json.loads(compact_json(value)) == value


def same(left: Any, right: Any) -> bool:
    """Equality that tells 1 from 1.0 and true, at any depth."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@given(st.text() | st.binary())
def test_any_text_is_parsed_or_refused_with_one_of_our_errors(text: str | bytes) -> None:
    try:
        value = parse_json(text)
    except (ValidationError, LimitExceededError):
        return
    assert same(parse_json(compact_json(value)), value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "line 1 column 2"),
        ('{"a": 1,}', "not JSON"),
        ("[1 2]", "line 1 column 4"),
        ("{'a': 1}", "not JSON"),
        ('"a\nb"', "not JSON"),
        ("\ufeff{}", "not JSON"),
        ("01", "not JSON"),
        ("+1", "not JSON"),
        (".5", "not JSON"),
        ("NaN", "NaN is not a JSON number"),
        ("[Infinity]", "Infinity is not a JSON number"),
        ("-Infinity", "-Infinity is not a JSON number"),
        ("1e400", "too large"),
        ("-1e400", "too large"),
        (b"\xff", "not UTF-8: byte 0"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
    ],
)
def test_what_is_no_json_is_refused_with_the_place(text: str | bytes, says: str) -> None:
    assert says in refusal(text)


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "x": 0, "a": 2}}]', '{"a": 1, "\\u0061": 2}']
)
def test_a_key_that_stands_twice_is_refused_by_name(text: str) -> None:
    assert "'a' twice" in refusal(text)


@pytest.mark.parametrize(
    "text",
    ['"\\ud800"', '"\\udc00"', '"\\uDBFF x"', '{"\\ud83d": 1}', '[["a\\udfff"]]', '"\ud800"'],
)
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    assert "surrogate" in refusal(text)


@pytest.mark.parametrize("text", ['"\\ud83d\\ude00"', '"😀"', '{"\\uD83D\\uDE00": 0}'])
def test_a_whole_surrogate_pair_is_a_character(text: str) -> None:
    assert "😀" in str(parse_json(text))


def test_an_escaped_backslash_before_u_is_no_surrogate() -> None:
    assert parse_json('"\\\\ud800"') == "\\ud800"


@pytest.mark.parametrize("value", [0, -1, 2**53 + 1, MAX_INTEGER, MIN_INTEGER])
def test_integers_of_64_bits_are_exact(value: int) -> None:
    assert parse_json(str(value)) == value
    assert type(parse_json(str(value))) is int
    assert compact_json({"n": value}) == f'{{"n":{value}}}'


@pytest.mark.parametrize(
    "text", [str(MAX_INTEGER + 1), str(MIN_INTEGER - 1), str(2**64), "9" * 5000, "-" + "9" * 5000]
)
def test_integers_beyond_64_bits_are_refused_and_never_rounded(text: str) -> None:
    message = refusal(f'{{"a": [{text}]}}')
    assert "beyond 64 bits" in message
    assert "as a string" in message
    assert len(message) < 200


def test_minus_zero_and_exponents() -> None:
    assert parse_json("-0") == 0
    assert math.copysign(1, parse_json("-0.0")) == -1
    assert parse_json("1e2") == 100.0
    assert type(parse_json("1e2")) is float


def test_nesting_is_allowed_up_to_the_limit() -> None:
    assert parse_json(nested(MAX_DEPTH)) is not None
    assert parse_json('{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH) is not None
    assert parse_json("[" + "[]," * 500 + "[]]") == [[]] * 501
    assert parse_json('"' + "[" * 500 + '"') == "[" * 500


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 5000, 1_000_000])
def test_deeper_nesting_is_refused_before_it_is_parsed(depth: int) -> None:
    for text in (nested(depth), "[" * depth, '{"a":' * depth):
        with pytest.raises(LimitExceededError, match="deeper than 200"):
            parse_json(text)
    with pytest.raises(LimitExceededError):
        parse_json(nested(4), max_depth=3)


def test_an_endless_string_is_refused_in_a_time_that_grows_with_its_length_only() -> None:
    begin = time.perf_counter()
    with pytest.raises(ValidationError):
        parse_json("[" + "[]," * 200 + '"' + '\\"' * 20_000)
    assert time.perf_counter() - begin < 15.0


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (math.nan, "NaN"),
        ([math.inf], "NaN and Infinity"),
        ({"a": {"b": (-math.inf,)}}, "NaN and Infinity"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        (2**64, "beyond 64 bits"),
        (-(2**63) - 1, "beyond 64 bits"),
        ({1: 2}, "not JSON"),
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
        (object(), "object"),
    ],
)
def test_what_json_cannot_hold_is_not_written(value: Any, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        write_json(value)
    assert says in caught.value.message


def test_python_objects_nested_beyond_what_can_be_written_are_refused() -> None:
    value: Any = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(ValidationError, match="nested too deep"):
        write_json(value)


def test_mappings_are_written_as_objects() -> None:
    assert compact_json(MappingProxyType({"a": [None, True]})) == '{"a":[null,true]}'
    assert compact_json({"ü": "a\u2028</b>"}) == '{"ü":"a\u2028</b>"}'


def test_equal_objects_have_one_canonical_text() -> None:
    assert canonical_json({"b": 1, "a": {"d": [], "c": "ü"}}) == '{"a":{"c":"ü","d":[]},"b":1}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12345678, "12345678"),
        (MAX_INTEGER, "9223372036854775807"),
        (10**30, "1" + "0" * 30),
        (2.0, "2"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1.5, "1.5"),
        (-1.25e-3, "-0.00125"),
        (1e-6, "0.000001"),
        (1.5e-6, "0.0000015"),
        (1e-7, "1e-7"),
        (1.25e-7, "1.25e-7"),
        (5e-324, "5e-324"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e21, "1.5e+21"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (2.0**53, "9007199254740992"),
        (2.0**60, "1152921504606847000"),
        (1.2345678901234568e20, "123456789012345680000"),
    ],
)
def test_numbers_have_the_text_ecmascript_gives_them(value: float, text: str) -> None:
    assert number_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_any_float_is_its_shortest_digits_laid_out_as_ecma_262_says(
    value: float,
) -> None:
    assert number_text(value) == ecmascript(value)
    assert float(number_text(value)) == value


def ecmascript(value: float) -> str:
    """Number::toString of ECMA-262, written from its steps."""
    if value == 0:
        return "0"
    if value < 0:
        return "-" + ecmascript(-value)
    _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    shown = "".join(map(str, digits))
    k, n = len(shown), len(shown) + exponent
    if k <= n <= 21:
        return shown + "0" * (n - k)
    if 0 < n <= 21:
        return f"{shown[:n]}.{shown[n:]}"
    if -6 < n <= 0:
        return "0." + "0" * -n + shown
    return f"{shown[0]}{'.' + shown[1:] if k > 1 else ''}e{n - 1:+d}"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "boolean"),
        (1, "integer"),
        (1.0, "number"),
        ("", "string"),
        ([], "array"),
        ((), "array"),
        ({}, "object"),
        (MappingProxyType({}), "object"),
    ],
)
def test_types_are_called_by_their_json_names(value: Any, name: str) -> None:
    assert type_name(value) == name
