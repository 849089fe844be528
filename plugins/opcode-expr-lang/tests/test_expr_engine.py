"""What the engine takes and gives: mappings, names, paths that are read, kept expressions."""

import subprocess
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opcode_core import ExecutionError, Expression, ExpressionSyntaxError
from opcode_expr_lang.engine import ExprEngine

ENGINE = ExprEngine()
VARIABLES: dict[str, Any] = {
    "inputs": {"list": [1, 2, 3], "people": [{"name": "Ada"}], "map": {"a": 1}}
}


def evaluate(source: str, **more: Any) -> Any:
    return ENGINE.compile(source).evaluate({**VARIABLES, **more})


@pytest.mark.parametrize("source", ["inputs.map", "inputs.list", "true ? inputs.people : []"])
def test_what_is_read_from_a_variable_is_the_same_object(source: str) -> None:
    name = source.split("inputs.")[1].split(maxsplit=1)[0]
    assert evaluate(source) is VARIABLES["inputs"][name]
    assert evaluate(f"[{source}]")[0] is VARIABLES["inputs"][name]


@pytest.mark.parametrize(
    "source",
    [
        "sort(inputs.list, 'desc')",
        "reverse(inputs.list)",
        "concat(inputs.list, [4])",
        "flatten([inputs.list])",
        "inputs.list[:]",
        "take(inputs.list, 9)",
        "map(inputs.people, .name)",
        "sortBy(inputs.people, .name, 'desc')",
        "fromPairs(toPairs(inputs.map))",
        "reduce(inputs.list, concat(#acc, [#]), inputs.list)",
    ],
)
def test_a_result_that_is_built_is_no_variable_s_object(source: str) -> None:
    before = repr(VARIABLES)
    found = evaluate(source)
    assert type(found) in (list, dict)
    found.clear()
    assert repr(VARIABLES) == before


class Lazy(Mapping[str, Any]):
    """An object that is no dict, as the core hands them over."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def __getitem__(self, key: str) -> Any:
        return self.content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)


@pytest.mark.parametrize("wrap", [Lazy, types.MappingProxyType])
def test_any_mapping_is_a_map(wrap: Any) -> None:
    steps = wrap({"a": wrap({"output": wrap({"x": 1}), "status": "ok"})})
    for source, result in {
        "steps.a.output.x": 1,
        "steps['a'].output['x'] + 1": 2,
        "steps.a.output == {x: 1} && {x: 1.0} == steps.a.output": True,
        "'a' in steps && len(steps) == 1": True,
        "keys(steps.a)": ["output", "status"],
        "map(toPairs(steps), #[1].status)": ["ok"],
        "map([steps.a], .output.x)": [1],
        "type(steps)": "map",
        "get(steps, 'b')": None,
        "string(steps.a)": "map[output:map[x:1] status:ok]",
        "fromJSON(toJSON(steps.a.output))": {"x": 1.0},
    }.items():
        assert evaluate(source, steps=steps) == result
    assert evaluate("steps.a.output", steps=steps) is steps["a"]["output"]


@pytest.mark.parametrize("name", ["content", "__class__", "get", "__getitem__", "keys", "items"])
def test_no_attribute_of_python_is_reachable(name: str) -> None:
    variables = {"inputs": Lazy({"a": Lazy({}), "l": [1], "s": "a", "n": 1, "f": 1.5, "b": True})}
    for base in ("inputs", "inputs.a", "$env", "{}", "groupBy([], #)", "fromPairs([])"):
        for form in (f"{base}.{name}", f"{base}['{name}']", f"get({base}, '{name}')"):
            assert ENGINE.compile(form).evaluate(variables) in (None, [])
    bases = ("inputs.l", "inputs.s", "inputs.n", "inputs.f", "inputs.b", "now()", "duration('1s')")
    for base in (*bases, "nil", "inputs.a", "timezone('UTC')"):
        for form in (f"({base}).{name}()", f"({base})?.{name}(1)"):
            expression = ENGINE.compile(form)
            try:
                assert expression.evaluate(variables) is None
            except ExecutionError:
                continue


def test_names_can_be_declared_and_given_aliases() -> None:
    engine = ExprEngine(("it", "item"), aliases={"this": "item"})
    assert engine.compile("it + this + item").evaluate({"it": 1, "item": 2}) == 5
    assert engine.compile("this.x").reads == (("item", "x"),)
    expression = ENGINE.compile("loop.index + iter.index", extra={"loop": "iter"})
    assert expression.reads == (("iter", "index"), ("iter", "index"))
    assert expression.evaluate({"iter": {"index": 2}}) == 4
    with pytest.raises(ExpressionSyntaxError):  # the cache keeps the two apart
        ENGINE.compile("loop.index + iter.index")


@pytest.mark.parametrize(
    ("source", "reads", "quick"),
    [
        ("1 + 2", (), True),
        ("inputs", (("inputs",),), True),
        (
            "steps.a.output.x > 1 && steps['b-c'].status == 'x'",
            (("steps", "a", "output", "x"), ("steps", "b-c", "status")),
            True,
        ),
        ("inputs.l[0].x", (("inputs", "l", 0, "x"),), True),
        ("inputs.l[inputs.i].x", (("inputs", "l"), ("inputs", "i")), True),
        ("steps?.a?.output.x", (("steps", "a", "output", "x"),), True),
        ("(inputs.a).b", (("inputs", "a", "b"),), True),
        ("inputs.a[1:].b", (("inputs", "a"),), True),
        ("inputs.d.Year()", (("inputs", "d"),), True),
        ("$env.steps.a.output", (("steps", "a", "output"),), True),
        ("$env['inputs'].x", (("inputs", "x"),), True),
        ("$env.iter.index", (("iter", "index"),), True),
        ("$env.other", (), True),
        ("'x' in $env", (("steps",), ("inputs",), ("workflow",), ("context",)), False),
        ("let s = steps.a; s.output", (("steps", "a"),), True),
        ("len(inputs.l) + first(inputs.m)", (("inputs", "l"), ("inputs", "m")), True),
        ("inputs.a == inputs.b", (("inputs", "a"), ("inputs", "b")), False),
        ("filter(inputs.l, .y == context.z)", (("inputs", "l"), ("context", "z")), False),
        ("inputs.s matches 'a'", (("inputs", "s"),), False),
        ("1..inputs.n", (("inputs", "n"),), False),
        ("upper(inputs.s)", (("inputs", "s"),), False),
        ("true or steps.a", (("steps", "a"),), True),
    ],
)
def test_reads_and_quick(source: str, reads: Any, quick: bool) -> None:
    expression = ENGINE.compile(source)
    assert set(expression.reads) == set(reads)
    assert len(expression.reads) == len(reads)
    assert expression.quick is quick
    assert expression.source == source
    assert isinstance(expression, Expression)


def test_a_compiled_expression_is_kept() -> None:
    assert ENGINE.compile("inputs.kept") is ENGINE.compile("inputs.kept")


def test_the_plugin_imports_neither_the_language_nor_the_patterns() -> None:
    code = (
        "import sys, opcode_core, opcode_expr_lang\n"
        "made = {}\n"
        "opcode_expr_lang.opcode_register_expression_engines(made.__setitem__)\n"
        "assert 'opcode_expr_lang.compile' not in sys.modules\n"
        "engine = made['expr'](opcode_core.ExpressionLimits())\n"
        "assert engine.name == 'expr'\n"
        "limit = sys.getrecursionlimit()\n"
        "assert engine.compile('1 + 1').evaluate({}) == 2\n"
        "assert 're2' not in sys.modules\n"
        "assert sys.getrecursionlimit() == limit\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
