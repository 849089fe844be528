"""What is refused, with which words, and that no words carry a value."""

import subprocess
import sys
from typing import Any

import pytest
from opcode_core import ExecutionError, ExpressionSyntaxError, InterpolationError
from opcode_expr_cel.engine import CelEngine

ENGINE = CelEngine()


@pytest.mark.parametrize(
    ("source", "words", "offset"),
    [
        ("", "the expression is empty", None),
        ("1 +", "ends too early", 3),
        ("(1", "ends too early", 2),
        ("1 )", "`)` is not expected at line 1, column 3", 2),
        ("1 +\n  * 2", "`*` is not expected at line 2, column 3", 6),
        ("inputs.a and inputs.b", "write `&&`", 9),
        ("inputs.a = 1", "write `==`", 9),
        ("inputs.true", "x['true']", None),
        ("'abc", "that starts with ' is not closed", 0),
        ('1 + """abc"', 'that starts with """ is not closed', 4),
        (r"'\q'", r"the escape \q does not exist", 1),
        (r"'\ud800'", "is no character", 1),
        (r"b'\u0041'", r"the escape \u does not exist", 2),
        ("'\ud800'", "half of a surrogate pair", 1),
        ("9223372036854775808", "beyond 64 bits", 0),
        ("-1u", "beyond 64 bits", 0),
        ("input.x", "did you mean `inputs`?", 0),
        ("xyz", "there is `context`, `inputs`, `iter`, `steps`, `workflow`", 0),
        ("1 + loop.item", "write iter.item / iter.index in CEL", 4),
        ("secrets.TOKEN", "cannot read secrets", 0),
        ("steps.fetch-data.output", "write steps['a-b']", 12),
        ("while", "reserved word", 0),
        ("[1].map(loop, 1)", "reserved word", 8),
        ("[1].map(1, 1)", "as in items.map(x, x.name)", 4),
        ("[1].all(x)", "as in items.all(x, x > 1)", 4),
        ("[1].filter()", "as in items.filter", 4),
        ("has(inputs)", "as in has(inputs.name)", 0),
        ("has(1)", "as in has(inputs.name)", 0),
        ("[1].exists(x, y)", "there is no `y`", 14),
        ("[1].map(x, x) == x", "there is no `x`", 17),
        ("len(inputs)", "write size(x)", 0),
        ("startsWith('a', 'b')", "write x.startsWith(…)", 0),
        ("inputs.x.int()", "write int(x)", 9),
        ("'a'.startWith('b')", "did you mean `startsWith`?", 4),
        ("size()", "`size` takes 1 argument(s), not 0", 0),
        ("'a'.replace('b')", "takes 2 to 3 argument(s), not 1", 4),
        ("math.cube(1)", "there is no function `math.cube`", 5),
        ("inputs.x.matches('(?=a)')", "no lookaround", None),
        ("a.b{c: 1}", "there are no message types", 0),
        ("[1,]", "`]` is not expected", 3),
        ("`a`", "a name in backticks follows a dot", 0),
        ("inputs.`a", "backtick", 7),
    ],
)
def test_a_source_that_is_refused(source: str, words: str, offset: int | None) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        ENGINE.compile(source)
    assert words in caught.value.message
    assert caught.value.offset == offset


def test_a_call_that_cannot_matter_is_accepted() -> None:
    assert ENGINE.compile("nothing(17) || true").evaluate({}) is True
    assert ENGINE.compile("false && inputs.x.nothing()").evaluate({}) is False
    with pytest.raises(ExpressionSyntaxError):
        ENGINE.compile("nothing(17) || false")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "inputs.usernam",
            "`none`, `number`, `username`; did you mean `username`?",
        ),
        ("inputs.none.x", "inputs.none is null: it has no `x`"),
        ("inputs.number.x", "inputs.number is an int: it has no `x`"),
        ("inputs.list.x", "inputs.list is a list: it has no `x`"),
        ("inputs.list['x']", "inputs.list is a list: it has no `x`"),
        ("inputs.city.x.y", "inputs.city has no `x`: it is empty"),
        (
            "inputs.list[5]",
            "inputs.list has 2 items, counted from 0: index 5 is out of range",
        ),
        (
            "inputs.list[inputs.number]",
            "inputs.list has 2 items, counted from 0: the index is out of range",
        ),
        ("inputs['a-b'].c.d", "inputs has no `a-b`: there is"),
        ("steps['a-b'].c", "steps['a-b'] has no `c`: there is `x`"),
        ("inputs.list.map(x, x.y)", "x is a string: it has no `y`"),
        ("inputs.list[0].y", "inputs.list[0] is a string: it has no `y`"),
        ("iter.item", "there is no `iter` in this place"),
        ("{'a': 1}.b", "the value has no `b`: there is `a`"),
        ("has(inputs.number.x)", "inputs.number is an int: it has no `x`"),
        ("inputs.many.x", "`k08`, `k09` and 20 more"),
    ],
)
def test_a_path_that_leads_nowhere(source: str, message: str) -> None:
    variables: dict[str, Any] = {
        "inputs": {
            "username": "u",
            "city": {},
            "none": None,
            "number": 7,
            "list": ["a", "b"],
            "many": {f"k{at:02}": at for at in range(30)},
        },
        "steps": {"a-b": {"x": 1}},
    }
    with pytest.raises(InterpolationError) as caught:
        ENGINE.compile(source).evaluate(variables)
    assert message in caught.value.message


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "source",
    [
        "inputs.s + 1",
        "inputs.s < 1",
        "inputs.s.x",
        "inputs.m[inputs.s]",
        "inputs.l[inputs.s]",
        "{inputs.s: 1, inputs.s: 2}",
        "{}[inputs.s]",
        "int(inputs.s)",
        "double(inputs.s)",
        "bool(inputs.s)",
        "timestamp(inputs.s)",
        "duration(inputs.s)",
        "timestamp(0).getHours(inputs.s)",
        "'a'.matches('(' + inputs.s)",
        "'%q'.format([inputs.s])",
        "('%q' + inputs.s).format([])",
        "inputs.s.substring(100)",
        "inputs.s ? 1 : 2",
        "!inputs.s",
        "-inputs.s",
        "inputs.s || false",
        "[inputs.s].all(x, x)",
        "[inputs.s].filter(x, x)",
        "1 in inputs.s",
        "inputs.s.all(x, true)",
        "math.abs(inputs.s)",
        "math.greatest(inputs.s, 1)",
        "size(1) + inputs.s",
        "[inputs.s][1]",
    ],
)
def test_no_error_carries_a_value(source: str, capfd: pytest.CaptureFixture[str]) -> None:
    variables = {"inputs": {"s": SECRET, "m": {"a": 1}, "l": []}}
    with pytest.raises((ExecutionError, InterpolationError)) as caught:
        ENGINE.compile(source).evaluate(variables)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert len(caught.value.message) < 300
    assert capfd.readouterr() == ("", "")  # RE2 would print patterns to the process's stderr


def test_the_plugin_imports_neither_the_parser_nor_the_patterns() -> None:
    code = (
        "import sys, opcode_core, opcode_expr_cel\n"
        "made = {}\n"
        "opcode_expr_cel.opcode_register_expression_engines(made.__setitem__)\n"
        "limits = opcode_core.ExpressionLimits()\n"
        "assert made['cel'](limits).name == 'cel'\n"
        "assert not {'celpy', 'lark', 're2'} & set(sys.modules)\n"
        "limit = sys.getrecursionlimit()\n"
        "assert made['cel'](limits).compile('1 + 1').evaluate({}) == 2\n"
        "assert 'celpy' in sys.modules\n"
        "assert sys.getrecursionlimit() == limit\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
