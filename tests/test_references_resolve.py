"""What references bring in: values with their types, texts, errors that help, and where everything came from."""

from __future__ import annotations

import contextlib
import time
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, strategies as st
from opcode_core.errors import InterpolationError, VaultError
from opcode_core.lent import Segment
from opcode_core.plan.problems import Problems
from opcode_core.plan.references import References
from opcode_core.plan.visibility import AllSettled, Place
from opcode_core.plugins.registry import Registry
from opcode_core.references.provenance import Origins, TreeProvenance
from opcode_core.references.resolve import follow, text_of
from opcode_core.references.tree import Node, secret_paths

PLACE = Place(AllSettled(frozenset({"a", "b"})), loops=1, secrets=True)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from("${}'\"\\")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
HOSTILE = st.sampled_from(
    ["${{inputs.v}}", "$${{x}}", "${{", "}}", '"}, {"', "'", "\\", "\n", "\x00", "{{x}}", "', '"]
) | st.text(max_size=20)


def compiled(value: Any) -> Node:
    """A tree of a value that must compile without a problem."""
    problems = Problems()
    tree = References(Registry(), problems).compile(value, "", PLACE)
    assert [one for one in problems.all() if one.severity == "error"] == []
    return tree


def resolved(value: Any, **variables: Any) -> Any:
    return compiled(value).resolve(variables)


def same(left: Any, right: Any) -> bool:
    """Equality that tells 1 from 1.0 and true, at any depth."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@given(JSON)
def test_a_whole_reference_keeps_value_and_type(value: Any) -> None:
    assert same(resolved("${{inputs.v}}", inputs={"v": value}), value)
    assert same(resolved({"a": ["${{ inputs.v }}"]}, inputs={"v": value}), {"a": [value]})


@given(JSON)
def test_a_value_without_references_comes_out_as_it_went_in(value: Any) -> None:
    if "${{" not in str(value):
        assert same(resolved(value), value)


@given(value=JSON, before=HOSTILE, after=HOSTILE)
def test_a_text_around_a_reference_is_that_text_with_the_values_text_in_it(
    value: Any, before: str, after: str
) -> None:
    before, after = (part.replace("${{", "").removesuffix("$") for part in (before, after))
    text = resolved(f"{before}:${{{{inputs.v}}}}:{after}", inputs={"v": value})
    assert text == f"{before}:{text_of(value)}:{after}"


@given(value=HOSTILE | JSON, namespace=st.sampled_from(["steps", "inputs", "context", "loop"]))
def test_no_value_changes_the_structure_it_is_put_into(value: Any, namespace: str) -> None:
    name = "item" if namespace == "loop" else "a"
    template = {
        "whole": f"${{{{{namespace}.{name}.v}}}}",
        "text": f"<${{{{{namespace}.{name}.v}}}}>",
        "list": ["x", f"${{{{{namespace}.{name}['v']}}}}", "y"],
        "literal": "$${{inputs.v}}",
        "deep": [{"k": [f"-${{{{{namespace}.{name}.v}}}}-"]}],
    }
    found = resolved(template, **{namespace: {name: {"v": value}}})
    assert same(
        found,
        {
            "whole": value,
            "text": f"<{text_of(value)}>",
            "list": ["x", value, "y"],
            "literal": "${{inputs.v}}",
            "deep": [{"k": [f"-{text_of(value)}-"]}],
        },
    )


@pytest.mark.parametrize(
    "template",
    ["$${{x}}", ["$${{x}}"], {"a": "$${{x}}"}, {"a": [{"b": "$${{x}}"}]}, ["$${{x}}", 1, "y"]],
)
def test_an_escaped_reference_is_literal_wherever_it_stands(template: Any) -> None:
    assert resolved(template) == eval(repr(template).replace("$${{", "${{"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n\"'", "as it is\n\"'"),
        (12345678, "12345678"),
        (12345678.0, "12345678"),
        (2.5, "2.5"),
        (1e21, "1e+21"),
        (2**63 - 1, "9223372036854775807"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        ({"b": 1, "a": [True, None, "ü</b>"]}, '{"b":1,"a":[true,null,"ü</b>"]}'),
        ([], "[]"),
        (MappingProxyType({"a": 1}), '{"a":1}'),
    ],
)
def test_the_text_of_a_value(value: Any, text: str) -> None:
    assert text_of(value) == text
    assert resolved("${{inputs.v}}!", inputs={"v": value}) == text + "!"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("inputs.list[0]", 1),
        ("inputs.list.0", 1),
        ("inputs.list[1].a", 2),
        ("inputs.list.1.a", 2),
        ("inputs['0']", "text key"),
        ("inputs[0]", "text key"),
        ("inputs['a b']['}}']", 3),
        ("inputs.empty['']", 4),
    ],
)
def test_paths_into_objects_and_arrays(path: str, value: Any) -> None:
    inputs = {"list": [1, {"a": 2}], "0": "text key", "a b": {"}}": 3}, "empty": {"": 4}}
    assert resolved(f"${{{{{path}}}}}", inputs=inputs) == value


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("inputs.userr", "`inputs` has no `userr`: it has `list`, `user`; did you mean `user`?"),
        ("inputs.user.nmae", "`inputs.user` has no `nmae`: it has `name`; did you mean `name`?"),
        ("inputs.list[3]", "`inputs.list` is an array of 2 and has no `3`"),
        ("inputs.list.first", "`inputs.list` is an array of 2 and has no `first`"),
        ("inputs.list['-1']", "`inputs.list` is an array of 2 and has no `-1`"),
        ("inputs.list['²']", "has no `²`"),
        ("inputs.list.9999999999999999999999999", "is an array of 2"),
        ("inputs.user.name.first", "`inputs.user.name` is a string and has no `first`"),
        ("inputs.user.name[0]", "`inputs.user.name` is a string and has no `0`"),
        ("context.x", "`context` has no `x`: it is empty"),
        ("steps.a.output.body", "`steps.a.output` is null and has no `body`"),
        ("loop.item.x", "`loop.item` is an integer and has no `x`"),
        ("inputs['a b']", "${{inputs['a b']}}"),
    ],
)
def test_a_missing_path_says_what_is_there_and_what_was_meant(path: str, says: str) -> None:
    variables = {
        "inputs": {"user": {"name": "ann"}, "list": [1, 2]},
        "context": {},
        "steps": {"a": {"output": None}},
        "loop": {"item": 5},
    }
    with pytest.raises(InterpolationError) as caught:
        resolved({"deep": [f"a ${{{{{path}}}}}"]}, **variables)
    assert says in caught.value.message
    assert caught.value.details is not None
    assert caught.value.details["reference"] in caught.value.message
    assert caught.value.code == "INTERPOLATION_ERROR"
    assert not caught.value.retryable


def test_the_error_of_a_missing_path_names_no_value() -> None:
    with pytest.raises(InterpolationError) as caught:
        follow({"token": "s3cr3t-value"}, ("inputs", "tokn"))
    assert "s3cr3t-value" not in str(caught.value.to_json())


def test_a_missing_path_in_a_large_object_keeps_nobody_waiting() -> None:
    large = {f"key_number_{index}": index for index in range(200_000)}
    begin = time.perf_counter()
    with pytest.raises(InterpolationError):
        follow({"x": large}, ("inputs", "x", "key_numbr_7"))
    assert time.perf_counter() - begin < 15.0


def test_a_secret_cannot_be_had() -> None:
    tree = compiled({"headers": {"a": "Bearer ${{secrets.TOKEN}}", "b": "${{secrets.OTHER}}"}})
    assert secret_paths(tree) == [("secrets", "TOKEN"), ("secrets", "OTHER")]
    with pytest.raises(VaultError, match="`TOKEN` cannot be had"):
        tree.resolve({})


def test_every_resolution_of_a_literal_gives_a_value_of_its_own() -> None:
    tree = compiled({"list": [1, {"a": 2}], "ref": "${{inputs.v}}"})
    first = tree.resolve({"inputs": {"v": 0}})
    first["list"][1]["a"] = "changed"
    first["list"].append(3)
    assert tree.resolve({"inputs": {"v": 0}})["list"] == [1, {"a": 2}]


PROVENANCE = {
    "url": "https://${{inputs.host}}/x/${{steps.a.output.id}}",
    "whole": "${{steps.b.output}}",
    "literal": "text",
    "body": {"a": [1, "${{context.c}}"], "b": "plain"},
    "secret": "${{secrets.TOKEN}}",
    "plain": {"deep": [1]},
}
VARIABLES = {
    "inputs": {"host": "example.com"},
    "steps": {"a": {"output": {"id": 7}}, "b": {"output": {"x": [{"y": "z"}]}}},
    "context": {"c": True},
}


@pytest.mark.parametrize(
    ("path", "sources"),
    [
        ((), {"inputs", "steps", "context", "secrets"}),
        (("url",), {"inputs", "steps"}),
        (("whole",), {"steps"}),
        (("whole", "x", 0, "y"), {"steps"}),
        (("literal",), set()),
        (("body",), {"context"}),
        (("body", "a"), {"context"}),
        (("body", "a", 0), set()),
        (("body", "a", 1), {"context"}),
        (("body", "b"), set()),
        (("secret",), {"secrets"}),
        (("plain", "deep", 0), set()),
        (("nowhere",), set()),
        (("body", "a", 9), set()),
    ],
)
def test_each_value_knows_which_namespaces_wrote_into_it(
    path: tuple[str | int, ...], sources: set[str]
) -> None:
    assert TreeProvenance(compiled(PROVENANCE), VARIABLES, Origins()).sources(*path) == sources


def test_each_piece_of_a_text_knows_where_it_came_from() -> None:
    tree = compiled({name: PROVENANCE[name] for name in ("url", "whole", "literal", "body")})
    provenance = TreeProvenance(tree, VARIABLES, Origins())
    none, inputs, steps = frozenset[str](), frozenset({"inputs"}), frozenset({"steps"})
    assert provenance.segments("url") == (
        Segment("https://", none),
        Segment("example.com", inputs),
        Segment("/x/", none),
        Segment("7", steps),
    )
    assert provenance.segments("whole") == (Segment('{"x":[{"y":"z"}]}', steps),)
    assert provenance.segments("whole", "x", 0, "y") == (Segment("z", steps),)
    assert provenance.segments("literal") == (Segment("text", none),)
    assert provenance.segments("body", "a", 0) == (Segment("1", none),)


@given(
    template=st.recursive(
        st.text(alphabet="${}ab.[]'\" \n0", max_size=30)
        | st.sampled_from(
            ["${{inputs.v}}", "${{steps.a.output.x}}", "${{loop.item}}", "${{secrets.S}}", 1, None]
        ),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
        max_leaves=8,
    ),
    value=JSON,
)
def test_compiling_and_resolving_raise_nothing_but_errors_with_a_code(
    template: Any, value: Any
) -> None:
    problems = Problems()
    tree = References(Registry(), problems).compile(template, "/x", PLACE)
    if problems.refused:
        assert all(one.path.startswith("/x") for one in problems.all())
        return
    variables = {
        name: {"a": {"output": value}, "v": value, "item": value}
        for name in ("steps", "inputs", "workflow", "context", "loop")
    }
    provenance = TreeProvenance(tree, variables, Origins())
    with contextlib.suppress(InterpolationError, VaultError):
        tree.resolve(variables)
        provenance.segments()
    assert isinstance(provenance.sources(), frozenset)
