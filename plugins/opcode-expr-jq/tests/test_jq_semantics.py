"""What programs give: values, several outputs, numbers, errors."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from opcode_core import ExecutionError
from opcode_expr_jq.engine import JqEngine

ENGINE = JqEngine()
VARIABLES: dict[str, Any] = {
    "inputs": {
        "rows": [{"id": 1, "ok": True}, {"id": 2, "ok": False}],
        "one": [{"id": 1}],
        "lists": [[1, 2]],
        "none": [],
        "n": 7,
        "text": "héllo",
    },
    "steps": {"h-1": {"output": {"hash": "9d"}, "hash": "9d", "status": "completed", "error": None}},
    "workflow": {"agent_id": "tester"},
    "context": {"team": "blue"},
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    ENGINE.close()


def evaluate(source: str, **more: Any) -> Any:
    return ENGINE.compile(source).evaluate({**VARIABLES, **more})


@pytest.mark.parametrize(
    ("source", "result"),
    [
        (".inputs.n", 7),
        (".inputs.nothing", None),
        (".inputs.nothing.at.all", None),
        (".iter", None),
        (".inputs.rows | map(.id)", [1, 2]),
        ("[.inputs.rows[] | select(.ok) | {key: .id}]", [{"key": 1}]),
        ('[.steps["h-1"].output.hash, .steps["h-1"].status, .context.team]', ["9d", "completed", "blue"]),
        (".workflow.agent_id", "tester"),
        (".inputs.text | length, ascii_downcase, explode[1]", [5, "héllo", 233]),
        ("# all of them\n.inputs.rows # with ids\n| length", 2),
        (".inputs.rows | group_by(.ok) | map(length)", [1, 1]),
        ("reduce .inputs.rows[] as {$id} (0; . + $id)", 3),
        ('"\\(.inputs.n)-\\("x" + "\\(1 + 1)")"', "7-x2"),
        ('@base64 "a\\(.inputs.text)"', "aaMOpbGxv"),
        ("def twice(f): f | f; 3 | twice(. * 2)", 12),
        (".inputs.rows | any(.ok)", True),
        ('"é" | test("É"; "i")', True),
        ("keys", ["context", "inputs", "steps", "workflow"]),
        ("[.inputs | .n, .text] | @csv", '7,"héllo"'),
        ("{if: 1, env: 2, inputs: 3, import: 4} | [.if, .env, .inputs, .import]", [1, 2, 3, 4]),
        ("{n: 1} | .inputs = 2", {"n": 1, "inputs": 2}),
        ("$__loc__.line", 1),
        ("0 | todate", "1970-01-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_results(source: str, result: Any) -> None:
    assert evaluate(source) == result


@pytest.mark.parametrize(
    ("source", "result"),
    [
        (".inputs.rows[] | .id", [1, 2]),
        (".inputs.one[] | .id", [1]),
        (".inputs.none[]", []),
        (".inputs.lists[]", [1, 2]),
        (".inputs.n, .inputs.text", [7, "héllo"]),
        ("range(1)", [0]),
        ("limit(1; .inputs.rows[].id)", [1]),
        (".inputs.one | .. | numbers", [1]),
        ("def ids: .[].id; .inputs.one | ids", [1]),
        ("def each(f): f; each(.inputs.one[].id)", [1]),
        ("def each(f): def again(g): g; again(f); each(.inputs.one[].id)", [1]),
        ("def each($x; f): f | . + $x; each(1; .inputs.one[].id)", [2]),
        ("foreach .inputs.one[] as $x (0; . + $x.id)", [1]),
        # one by one inside, but one in the end
        ("[.inputs.one[]]", [{"id": 1}]),
        ("first(.inputs.one[].id)", 1),
        ("reduce .inputs.one[] as $x (0; . + $x.id)", 1),
        (".inputs.one | map(.id)[0]", 1),
        (".inputs.one | any(.[]; .id == 1)", True),
        (".inputs.one[].id |= 5 | .inputs.one", [{"id": 5}]),
        ("def ids: .[].id; [.inputs.one | ids] | add", 1),
        ("def count(f): reduce f as $x (0; . + 1); count(.inputs.one[])", 1),
        ("def last_of(f): [f][-1]; last_of(.inputs.one[].id)", 1),
        ("def f: .[]; def f(g): 7; .inputs.one | f(.[])", 7),
        # none
        ("empty", []),
        ("select(.inputs.n > 9)", []),
        (".inputs.n | select(. > 5)", 7),
        ("try error catch empty", []),
        ("error?", []),
    ],
)
def test_one_output_is_it_and_others_are_a_list(source: str, result: Any) -> None:
    assert evaluate(source) == result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (2**53 - 1, 2**53 - 1),
        (-(2**53 - 1), -(2**53 - 1)),
        (2**53, 2**53),
        (2**53 + 1, 2**53),  # beyond 53 bits a number is the nearest double
        (2**63 - 1, float(2**63)),
        (0.1, 0.1),
        (2.0, 2),
        (1e22, 1e22),
        (1.7976931348623157e308, 1.7976931348623157e308),
        (5e-324, 5e-324),
        (-0.0, 0),
    ],
)
def test_numbers(value: Any, result: Any) -> None:
    assert evaluate(".inputs.x + 0", inputs={"x": value}) == result
    assert evaluate(".inputs.x", inputs={"x": value}) == result


def test_what_json_has_no_number_for() -> None:
    assert evaluate("[nan, infinite]") == [None, 1.7976931348623157e308]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
def test_any_json_comes_back_equal(value: Any) -> None:
    assert evaluate(".inputs.x", inputs={"x": value}) == value
    assert evaluate("[.inputs.x]", inputs={"x": value}) == [value]
    assert json.loads(evaluate(".inputs.x | tojson", inputs={"x": value})) == value


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_double_is_exact(value: float) -> None:
    given_back = evaluate(".inputs.x * 1", inputs={"x": value})
    assert math.isclose(given_back, value, rel_tol=0, abs_tol=0)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (".inputs.n.id", "a number has no member `id`"),
        (".inputs.rows.id", "an array has no member `id`"),
        (".inputs.n[.inputs.text]", "a number cannot be indexed with a string"),
        (".inputs.n[]", "a number has no items to go through"),
        (".inputs.nothing[]", "null has no items to go through"),
        (".inputs.n + .inputs.text", "a number and a string cannot be added"),
        (".inputs.n / 0", "a number is divided by zero"),
        ("-.inputs.text", "a string cannot be negated"),
        (".inputs.text | tonumber", "a string cannot be read as a number"),
        (".inputs.text | sort", "a string cannot be sorted"),
        (".inputs.text | keys", "a string has no keys"),
        (".inputs.n | has(1)", "whether a number has a number as its key cannot be asked"),
        (".inputs.text | fromjson", "a text is no JSON"),
        (".inputs.text | fromdate", "a text is no date of the expected form"),
        (".inputs.text | @foo", "there is no such format"),
        ('.inputs.n | test("a")', "a number cannot be matched"),
        ('.inputs.text | test("(")', "a pattern is no regular expression that jq knows"),
        ('error("no rows")', "the program ended with its error: no rows"),
        ("error(.inputs.text)", "an error of its own, which may hold values"),
        (".inputs.text | error", "an error of its own, which may hold values"),
        ('error("no " + .inputs.text)', "an error of its own, which may hold values"),
        ('error("number (\\(.inputs.text)) cannot be negated")', "a number cannot be negated"),
        ("error({a: .inputs.text})", "an error of its own, which may hold values"),
        ("error(null)", "an error of its own"),
        ("[limit(300; repeat(1))] | reduce .[] as $x (0; [.]) | [.]", None),
        ("reduce range(2000) as $x (0; [.])", "nested too deep"),
        ("reduce range(100000) as $x (0; [.])", "nested too deep"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong_and_no_value(source: str, message: str | None) -> None:
    if message is None:
        assert evaluate(source)
        return
    with pytest.raises(ExecutionError) as caught:
        evaluate(source)
    assert message in caught.value.message
    assert "héllo" not in caught.value.message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("value", ["\ud800", 2**64, {"a": {1, 2}}, object()])
def test_what_is_no_json_is_an_error(value: Any) -> None:
    with pytest.raises(ExecutionError, match="cannot be written as JSON"):
        evaluate(".inputs.x", inputs={"x": value})


def test_values_nested_too_deep_are_an_error() -> None:
    value: Any = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(ExecutionError, match="nested too deep"):
        evaluate(".inputs.x", inputs={"x": value})
