"""What an engine takes and gives: mappings, names, paths that are read, kept expressions."""

import types
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opcode_core import ExpressionSyntaxError, InterpolationError
from opcode_expr_cel.engine import CelEngine

ENGINE = CelEngine()
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
def test_any_mapping_is_an_object(wrap: Any) -> None:
    steps = wrap({"a": wrap({"output": wrap({"x": 1}), "status": "ok"})})
    for source, result in {
        "steps.a.output.x": 1,
        "steps['a'].output['x'] + 1": 2,
        "has(steps.a.output.x) && !has(steps.a.error)": True,
        "steps.a.output == {'x': 1} && {'x': 1.0} == steps.a.output": True,
        "'a' in steps && size(steps) == 1": True,
        "steps.map(s, steps[s].status)": ["ok"],
        "[steps.a].map(s, s.output.x)": [1],
        "type(steps) == map": True,
    }.items():
        assert evaluate(source, steps=steps) == result
    assert evaluate("steps.a.output", steps=steps) is steps["a"]["output"]
    with pytest.raises(InterpolationError, match=r"^steps\.a\.output has no `y`: there is `x`"):
        evaluate("steps.a.output.y", steps=steps)


def test_names_can_be_declared_and_given_aliases() -> None:
    engine = CelEngine(("it", "item"), aliases={"this": "item"})
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
        ("has(steps.a.output.x)", (("steps", "a", "output"),), True),
        ("has(inputs.x)", (("inputs",),), True),
        ("size(inputs.l) + inputs.l.size()", (("inputs", "l"), ("inputs", "l")), True),
        ("inputs.l.filter(x, x.y == context.z)", (("inputs", "l"), ("context", "z")), False),
        ("inputs.l.map(inputs, inputs.x)", (("inputs", "l"),), False),
        ("inputs.s.matches('a')", (("inputs", "s"),), False),
        ("matches(inputs.s, 'a')", (("inputs", "s"),), False),
        ("(inputs.a).b", (("inputs", "a", "b"),), True),
        ("iter.item ? [iter.index] : {'a': workflow.run_id}",
         (("iter", "item"), ("iter", "index"), ("workflow", "run_id")), True),
    ],
)  # fmt: skip
def test_reads_and_quick(source: str, reads: Any, quick: bool) -> None:
    expression = ENGINE.compile(source)
    assert set(expression.reads) == set(reads)
    assert len(expression.reads) == len(reads)
    assert expression.quick is quick
    assert expression.source == source


def test_a_compiled_expression_is_kept() -> None:
    assert ENGINE.compile("inputs.kept") is ENGINE.compile("inputs.kept")
