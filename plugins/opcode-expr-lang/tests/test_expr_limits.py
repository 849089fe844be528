"""Hostile sources and values: everything ends in time, and in one of the engine's errors."""

import threading
import time
from typing import Any

import pytest
from opcode_core import ExecutionError, ExpressionSyntaxError
from opcode_expr_lang.engine import ExprEngine

ENGINE = ExprEngine()
TIME = 20.0
"""Seconds: the limit of one, and room for a busy machine."""


def in_time(source: str, variables: dict[str, Any] | None = None) -> Any:
    start = time.monotonic()
    try:
        return ENGINE.compile(source).evaluate(variables or {})
    finally:
        assert time.monotonic() - start < TIME


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("||".join(["false"] * 580), False),
        ("&&".join(["true"] * 680), True),
        ("+".join(["1"] * 2000), 2000),
        ("-" * 4000 + "1", 1),
        ("!" * 4001 + "true", False),
        ("true?1:" * 500 + "2", 1),
        ("false?1:" * 500 + "2", 2),
        ("1;" * 2000 + "2", 2),
        ("".join(f"let a{at}={at};" for at in range(300)) + "a299", 299),
        ("1" + "??1" * 1300, 1),
        ("1<" * 2000 + "2", False),
        ("inputs" + "?.x" * 1300, None),
        ("inputs" + ".x" * 2000, ExecutionError),
        ("[0]" * 1300, ExecutionError),
        ("'a'" + "|trim()" * 140, "a"),
        ("(" * 50 + "1" + ")" * 50, 1),
        ("[" * 50 + "]" * 50 + " == []", False),
        ("'((((((((((((((((((((((((((((((((((((((((((((((((((((((((' == ''", False),
        ("if false {1} else " * 200 + "{2}", 2),
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
        ("[" * 4000, "nested deeper than 50"),
        ("{a:" * 51, "nested deeper than 50"),
        ("len(" * 51, "nested deeper than 50"),
        ("map([1]," * 51, "nested deeper than 50"),
        ("inputs[" * 51, "nested deeper than 50"),
        ("1?" * 400, "nested deeper than 50"),
        ("-!" * 400, "nested deeper than 50"),
        ("2**" * 400 + "1", "nested deeper than 50"),
        ("'a'" + "|trim()" * 400, "nested deeper than 50"),
        ("if true {" * 51, "nested deeper than 50"),
        ("'" + "é" * 2048 + "'", "4096 bytes, this one has 4098"),
        ("(" * 5000 + "1" + ")" * 5000, "4096 bytes"),
        ('"' + "\\a" * 2000, "is not closed"),
        ("`" * 4095, "is not closed"),
        ("/*" * 2000, "is not closed"),
        ("9" * 4000, "beyond 64 bits"),
        ("0x" + "f" * 4000, "beyond 64 bits"),
        ("1e" + "9" * 4000, "beyond what 64 bits hold"),
        ("inputs.s matches '((((a{100}){100}){100}){100}){100}'", "none RE2 accepts"),
    ],
)
def test_sources_beyond_the_limits(source: str, words: str) -> None:
    with pytest.raises(ExpressionSyntaxError, match=words):
        in_time(source)


def test_deep_nesting_of_every_operator_raises_no_recursion_error() -> None:
    for opening in ("false?1:false or true&&1<1+1*-", "1+2*3**-", "map([1],#)|filter", "{a:[1,"):
        source = (opening + "(") * 40 + "1" + ")" * 40
        with pytest.raises((ExpressionSyntaxError, ExecutionError)):
            in_time(source)


HUGE = "ab" * 1_000_000
TWIN = "".join(["ab"] * 1_000_000)


@pytest.mark.parametrize(
    "source",
    [
        "count(1..10000, all(1..10000, # > 0))",
        "count(inputs.l, all(inputs.l, # >= 0))",
        "any(inputs.l, any(inputs.l, any(inputs.l, false)))",
        "map(inputs.l, reduce(inputs.l, #acc + #))",
        "1..1000000000",
        "1..inputs.n",
        "repeat('ab', 10000000)",
        "repeat('a', 9223372036854775807)",
        "repeat('', 9223372036854775807) + repeat('a', inputs.n)",
        "filter(inputs.l, inputs.l == inputs.m)",
        "map(inputs.l, # in inputs.m)",
        "map(inputs.l, inputs.l + inputs.l)" + " | flatten()" * 3,
        "map(inputs.l, concat(inputs.l, inputs.l))",
        "map(inputs.l, inputs.s + inputs.s)",
        "reduce(inputs.l, #acc + string(#), '')",
        "reduce(inputs.l, concat(#acc, #acc), [1])",
        "replace(inputs.s, 'a', inputs.s)",
        "replace(inputs.s, '', inputs.s)",
        "join(map(1..1000, inputs.s), inputs.s)",
        "split(inputs.s, '')",
        "map(1..1000, split(inputs.s, 'b'))",
        "map(inputs.l, upper(inputs.s))",
        "toJSON(map(1..1000, inputs.s))",
        "toJSON(map(1..1000, inputs.l))",
        "string(map(1..1000, inputs.l))",
        "fromJSON('[' + repeat('1,', 2000000) + '1]')",
        "uniq(map(1..400000, # % 2 == 0 ? inputs.s : inputs.t))",
        "sort(map(1..16000, # % 2 == 0 ? inputs.s : inputs.t))",
        "map(1..100000, inputs)",
        "[inputs, inputs, inputs, inputs, inputs, inputs]",
        "map(1..100, inputs.l)",
        "mean(map(1..1000, inputs.l))",
        "map(inputs.l, sort(inputs.l))",
        "inputs.s matches '((x{1,100}){1,10})y'",
        "[now()] | map(sum(inputs.l, sum(inputs.l)))",
    ],
)
def test_time_and_memory_are_bounded(source: str) -> None:
    items = list(range(200_000))
    inputs = {"l": items, "m": list(items), "s": HUGE, "t": TWIN, "n": 10**12}
    with pytest.raises(
        ExecutionError, match=r"longer than 1 s|builds more than|would take too long|does not go"
    ):
        in_time(source, {"inputs": inputs})


def test_a_doubling_structure_is_not_written_out() -> None:
    source = "let a=[1,1,1,1,1,1,1,1,1,1];"
    for old, new in zip("abcdefg", "bcdefgh", strict=True):
        source += f"let {new}=[{','.join([old] * 10)}];"
    twin = source + "let i = map(h, #); h == i"
    for attack in (source + "h", source + "string(h)", source + "toJSON(h)", twin):
        with pytest.raises(ExecutionError, match=r"longer than 1 s|builds more than"):
            in_time(attack)


@pytest.mark.parametrize(
    "wrap", ["[#acc]", "({a: #acc})", "toPairs({a: #acc})", "groupBy([#acc, 1], 1)"]
)
def test_values_nested_too_deep_are_an_error(wrap: str) -> None:
    deep = f"reduce(1..50000, {wrap}, [])"
    for source in (deep, f"{deep} == {deep}", f"string({deep})", f"toJSON({deep})"):
        with pytest.raises(
            ExecutionError, match=r"nested too deep|cannot write|keys may be|builds|takes longer"
        ):
            in_time(source)


def test_patterns_are_linear() -> None:
    inputs = {"s": "a" * 100_000 + "!"}
    assert in_time("inputs.s matches '^(a+)+$'", {"inputs": inputs}) is False


@pytest.mark.parametrize(
    "source",
    [
        "date(repeat('1', 300) + 'x', '5432115030201')",
        "date(repeat('1', 300), repeat('5', 190))",
        "date(repeat('.1', 150) + 'x', '5.9.99.999.9999.99999')",
        "date(inputs.s)",
        "date('1', inputs.s)",
        "now().Format(inputs.s)",
        "duration(repeat('1h', 100000))",
        "timezone(repeat('../', 60) + 'etc/passwd')",
        "timezone('/etc/passwd')",
        "timezone(inputs.s)",
        "int(inputs.s)",
        "float(repeat('9', 100000))",
    ],
)
def test_texts_that_are_read_with_care(source: str) -> None:
    with pytest.raises(ExecutionError):
        in_time(source, {"inputs": {"s": "2" * 1_000_000}})


def test_surrogates_from_a_variable_end_in_an_error_or_a_text() -> None:
    inputs = {"s": "\ud800"}
    assert in_time("toJSON(inputs.s)", {"inputs": inputs}) == '"\ufffd"'
    for source in ("toBase64(inputs.s)", "inputs.s matches 'a'", "timezone(inputs.s)"):
        with pytest.raises(ExecutionError):
            in_time(source, {"inputs": inputs})


def test_other_threads_keep_running() -> None:
    inputs = {"l": [str(at * 7919 % 300_007) for at in range(300_000)], "s": HUGE}
    longest, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal longest
        before = time.monotonic()
        while not done.wait(0.005):
            now = time.monotonic()
            longest = max(longest, now - before)
            before = now

    watcher = threading.Thread(target=watch)
    watcher.start()
    for source in ("sort(inputs.l)", "map(inputs.l, # in inputs.l)", "upper(inputs.s)"):
        try:
            in_time(source, {"inputs": inputs})
        except ExecutionError:
            continue
    done.set()
    watcher.join(30)
    assert longest < 2


def test_one_expression_in_many_threads() -> None:
    expression = ENGINE.compile("map(inputs.l, let x = #; [inputs.n] | map(# * x) | first())")
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
