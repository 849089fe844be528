"""What is refused, with which words, and that no words carry a value."""

from typing import Any

import pytest
from opcode_core import ExecutionError, ExpressionSyntaxError
from opcode_expr_lang.engine import ExprEngine

ENGINE = ExprEngine()


@pytest.mark.parametrize(
    ("source", "words", "offset"),
    [
        ("", "the expression is empty", None),
        ("  // nothing", "the expression is empty", None),
        ("1 +", "ends too early", 3),
        ("(1", "`)` is missing", 2),
        ("1 )", "`)` is not expected", 2),
        ("filter(inputs.l, # >", "ends too early", 20),
        ("inputs.a = 1", "write `==`", 9),
        ("inputs.a & 1", "write `&&`", 9),
        ("1 'a'", "a string is not expected", 2),
        ("'abc", "that starts with ' is not closed", 0),
        ("1 + `abc", "that starts with ` is not closed", 4),
        ("1 /* x", "the comment", 2),
        (r"'\q'", r"the escape \q does not exist", 1),
        (r"'\ud800'", "is no character", 1),
        ("'\ud800'", "half of a surrogate pair", 1),
        ("9223372036854775808", "beyond 64 bits", 0),
        ("1e999", "beyond what 64 bits hold", 0),
        ("1a", "a number runs into a name", 0),
        ("0x", "a number runs into a name", 0),
        ("input.x", "did you mean `inputs`?", 0),
        ("xyz", "there is `context`, `inputs`, `iter`, `steps`, `workflow`", 0),
        ("1 + loop.item", "write iter.item / iter.index in Expr", 4),
        ("secrets.TOKEN", "cannot read secrets", 0),
        ("null", "written `nil`", 0),
        ("lenght(inputs.l)", "did you mean `len", 0),
        ("nope(1)", "there is no function `nope`", 0),
        ("len()", "`len` takes 1 argument(s), not 0", 0),
        ("len(1, 2)", "`len` takes 1 argument(s), not 2", 0),
        ("replace('a', 'b')", "takes 3 to 4 argument(s), not 2", 0),
        ("concat()", "takes at least 1 argument(s), not 0", 0),
        ("filter(inputs.l)", "`filter` takes 2 argument(s), not 1", 0),
        ("# > 1", "only inside a predicate", 0),
        (".x", "only inside a predicate", 0),
        ("map(inputs.l, #x)", "a predicate has `#`, `#index`", 14),
        ("map(inputs.l, #acc)", "only in reduce", 14),
        ("let inputs = 1; 2", "`inputs` is taken already", 4),
        ("let len = 1; 2", "`len` is taken already", 4),
        ("let a = 1; let a = 2; a", "`a` is taken already", 15),
        ("let a = 1", "`;` is missing", 9),
        ("(let a = 1; a) + a", "there is no `a`", 17),
        ("if true { 1 }", "needs an `else`", 13),
        ("1 ?? 2 + 3", "cannot be mixed without parentheses", 7),
        ("1 not + 2", "`not` is not expected", 2),
        ("inputs.1", "`.1` is not expected here", 6),
        ("inputs. 'a'", "written in brackets", 8),
        ("{1 + 1: 2}", "`+` is not expected", 3),
        ("{[1]: 2}", "a key of a map is", 1),
        ("inputs.s matches '(?=a)'", "no lookaround", 17),
        ("inputs@", "no part of the language", 6),
        ("[1 2]", "`2` is not expected here", 3),
    ],
)
def test_a_source_that_is_refused(source: str, words: str, offset: int | None) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        ENGINE.compile(source)
    assert words in caught.value.message
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("inputs.none.x", "inputs.none is nil: it has no `x`; `?.` gives nil instead"),
        ("inputs.missing.x", "inputs.missing is nil: it has no `x`"),
        ("inputs.none[0]", "inputs.none is nil: it has no items"),
        ("inputs.number.x", "inputs.number is an int: it has no `x`"),
        ("inputs.number[0]", "inputs.number is an int: it has no items"),
        ("inputs.list.x", "inputs.list is an array: it has no `x`"),
        ("inputs['list'][5]", "inputs['list'] has 2 items, counted from 0"),
        ("inputs.list['x']", "an index needs a number, not a string"),
        ("inputs.map[1]", "the keys of this map are strings, not an int"),
        ("map(inputs.list, .y)", "# is a string: it has no `y`"),
        ("inputs.x()", "`x` of it cannot be called"),
        ("now().Yaer()", "has no method `Yaer`: it has Year"),
        ("now().Year", "is a method: write .Year()"),
        ("now().Format()", "takes string"),
        ("inputs(1)", "`inputs` is a variable and cannot be called"),
        ("1 + 'a'", "`+` does not go with an int and a string"),
        ("1 < 'a'", "`<` does not go with an int and a string"),
        ("-'a'", "a sign before a string"),
        ("+'a'", "a sign before a string"),
        ("1 % 0", "`%` by 0"),
        ("1.5 % 2", "`%` does not go with a float and an int"),
        ("1 or inputs.d", "`or` needs true or false, not an int"),
        ("not 1", "`not` needs true or false, not an int"),
        ("1 ? 2 : 3", "a condition needs true or false"),
        ("filter([1], #)", "a predicate needs true or false"),
        ("filter(1, true)", "only an array can be gone through"),
        ("map(inputs.map, #)", "use toPairs, keys or values"),
        ("reduce([], #acc)", "give a third argument"),
        ("9223372036854775807 + 1", "beyond 64 bits"),
        ("-9223372036854775807 - 2", "beyond 64 bits"),
        ("4611686018427387904 * 2", "beyond 64 bits"),
        ("1 / 0", "NaN and infinity"),
        ("[0 / 0]", "NaN and infinity"),
        ("{a: 2.0 ** 5000}", "NaN and infinity"),
        ("timezone('UTC')", "the result is a time.Location, which JSON cannot hold"),
        ("int('1.5')", "`int` needs digits"),
        ("int(0 / 0)", "finite number"),
        ("int(1e30)", "beyond 64 bits"),
        ("float('x')", "`float` needs a text that is a number"),
        ("sort([1, 'a'])", "number and string cannot be put in one order"),
        ("sort([true, false])", "a bool cannot be put in order"),
        ("sort([1], 'up')", '"asc" or "desc"'),
        ("bitshl(1, -1)", "negative"),
        ("bitand(1.5, 1)", "`bitand` needs an int"),
        ("repeat('a', -1)", "not negative"),
        ("fromPairs([[1]])", "pairs"),
        ("groupBy([[1]], #)", "cannot be the key of a map"),
        ("groupBy([1, '1'], #)", "the same text in JSON"),
        ("toJSON(groupBy([1], #))", "keys may be other than strings"),
        ("toJSON(1 / 0)", "NaN and infinity"),
        ("fromJSON('{')", "needs a text that is JSON"),
        ('fromJSON(\'{"a": 1, "a": 2}\')', "needs a text that is JSON"),
        ("fromBase64('*')", "needs a text that is base64"),
        ("date('yesterday')", "give a layout as second argument"),
        ("date('2023-02-30')", "give a layout"),
        ("date('2023-02-30', '2006-01-02')", "no such date"),
        ("date('x', '2006 2006')", "each part once"),
        ("duration('1 day')", "no duration"),
        ("duration('300000h') * 100", "beyond 292 years"),
        ("timezone('Mars/Base')", "no such time zone"),
        ("'a' matches '(' + 'x'", "none RE2 accepts"),
        ("now(1)", "a time zone, not an int"),
    ],
)
def test_an_evaluation_that_fails(source: str, message: str) -> None:
    variables = {
        "inputs": {"none": None, "number": 7, "list": ["a", "b"], "map": {"a": 1}, "d": "x"}
    }
    with pytest.raises(ExecutionError) as caught:
        ENGINE.compile(source).evaluate(variables)
    assert message in caught.value.message
    assert caught.value.code == "EXECUTION_ERROR"


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "source",
    [
        "inputs.s + 1",
        "inputs.s < 1",
        "inputs.s.x",
        "inputs.s()",
        "inputs.l[inputs.s]",
        "inputs.l[inputs.n]",
        "inputs.s[inputs.n]",
        "{(inputs.n): 1}",
        "int(inputs.s)",
        "float(inputs.s)",
        "date(inputs.s)",
        "date(inputs.s, inputs.s + '2006')",
        "date('2020', '2006', inputs.s)",
        "duration(inputs.s)",
        "timezone(inputs.s)",
        "fromJSON(inputs.s)",
        "fromBase64(inputs.s + '*')",
        "'a' matches '(' + inputs.s",
        "inputs.s ? 1 : 2",
        "not inputs.s",
        "-inputs.s",
        "inputs.s or inputs.n",
        "all([inputs.s], #)",
        "1 in inputs.s",
        "abs(inputs.s)",
        "max(inputs.s, 1)",
        "sort([inputs.s, 1])",
        "sort([1], inputs.s)",
        "len(inputs.n)",
        "join([inputs.n], inputs.s)",
        "now().Format(1, inputs.s)",
        "repeat(inputs.s, 9000000)",
        "fromPairs([inputs.s])",
    ],
)
def test_no_error_carries_a_value(source: str, capfd: pytest.CaptureFixture[str]) -> None:
    variables = {"inputs": {"s": SECRET, "n": 90817263545, "l": []}}
    with pytest.raises(ExecutionError) as caught:
        ENGINE.compile(source).evaluate(variables)
    said = f"{caught.value} {caught.value!r} {caught.value.details}"
    assert SECRET not in said
    assert "90817263545" not in said
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert len(caught.value.message) < 300
    assert capfd.readouterr() == ("", "")  # RE2 would print patterns to the process's stderr


def test_a_variable_that_changes_while_it_is_read_is_an_error() -> None:
    class Changing(dict[str, Any]):
        def items(self) -> Any:
            raise RuntimeError("dictionary changed size during iteration")

    with pytest.raises(ExecutionError, match="changed while"):
        ENGINE.compile("toPairs(inputs)").evaluate({"inputs": Changing(a=1)})
