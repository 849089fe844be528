"""The grammar of `${{ … }}`."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st
from opcode_core.references.parse import (
    Path,
    Piece,
    Reference,
    ReferenceSyntaxError,
    has_reference,
    parse_path,
    parse_text,
    path_text,
)

SEGMENT = st.text(min_size=1, max_size=12) | st.integers(0, 999_999_999)
PATHS = st.tuples(st.sampled_from(["steps", "inputs", "workflow", "context", "loop"])).flatmap(
    lambda first: st.lists(SEGMENT, max_size=5).map(lambda rest: (*first, *rest))
)


def shown(pieces: list[Piece]) -> list[str | tuple[str]]:
    """Literal pieces as they are, references as a tuple of their source."""
    return [piece if isinstance(piece, str) else (piece.source,) for piece in pieces]


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("inputs", ("inputs",)),
        ("inputs.name", ("inputs", "name")),
        ("steps.fetch-data.output.a_b", ("steps", "fetch-data", "output", "a_b")),
        ("steps.a.output.2.x", ("steps", "a", "output", "2", "x")),
        ("steps.a.output[2].x", ("steps", "a", "output", 2, "x")),
        ("inputs.list[007]", ("inputs", "list", 7)),
        ("inputs.007", ("inputs", "007")),
        ("inputs.-", ("inputs", "-")),
        ('inputs["any key"]', ("inputs", "any key")),
        ("inputs['any key']", ("inputs", "any key")),
        ('inputs[ "a" ].b', ("inputs", "a", "b")),
        ("inputs['it\\'s']", ("inputs", "it's")),
        ('inputs["a\\"b\\\\c"]', ("inputs", 'a"b\\c')),
        ("inputs['a}}b']['${{']", ("inputs", "a}}b", "${{")),
        ("inputs['']", ("inputs", "")),
        ("inputs['a\nb']", ("inputs", "a\nb")),
        ("steps['route.prod.deploy'].output", ("steps", "route.prod.deploy", "output")),
        ("iter.item", ("loop", "item")),
        ("loop.parent.index", ("loop", "parent", "index")),
        ("unknown.name", ("unknown", "name")),
        ("truethy", ("truethy",)),
    ],
)
def test_a_plain_path(source: str, path: Path) -> None:
    assert parse_path(source) == path


@pytest.mark.parametrize(
    "source",
    [
        *("true", "false", "null", "true.x", "1", "'a'", "inputs.a + 1", "inputs.", ".a"),
        *("inputs..a", "inputs[-1]", "inputs[1.5]", "inputs[a]", "inputs[1", "inputs['a]"),
        *("inputs[]", "size(x)", "inputs .a", "inputs.a b", "inputs.ä", "ä.b", "-a.b", "9a.b"),
        *("inputs[1234567890]", "inputs['a'b']", "inputs.a == 'x'", "{'a': 1}", "!inputs.a"),
    ],
)
def test_anything_else_is_an_expression(source: str) -> None:
    assert parse_path(source) is None
    if source.count("'") % 2 == 0:
        assert shown(parse_text(f"${{{{ {source} }}}}")) == [(source,)]


@given(PATHS)
def test_a_path_that_is_written_is_read_back(path: Path) -> None:
    source = path_text(path)
    expected = tuple(str(part) if part == "" else part for part in path)
    assert parse_path(source) == expected
    pieces = parse_text(f"a ${{{{ {source} }}}} b")
    assert [pieces[0], pieces[2]] == ["a ", " b"]
    assert isinstance(pieces[1], Reference)
    assert pieces[1].path == expected


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("plain", ["plain"]),
        ("$ {{x}} ${x} {{x}} }}", ["$ {{x}} ${x} {{x}} }}"]),
        ("${{inputs.a}}", [("inputs.a",)]),
        ("${{  inputs.a\n\t}}", [("inputs.a",)]),
        ("a${{inputs.a}}b", ["a", ("inputs.a",), "b"]),
        ("${{inputs.a}}${{inputs.b}}", [("inputs.a",), ("inputs.b",)]),
        (" ${{inputs.a}}", [" ", ("inputs.a",)]),
        ("${{inputs.a}}}}", [("inputs.a",), "}}"]),
        ("${{inputs.a}}}", [("inputs.a",), "}"]),
        ("$${{x}}", ["${{x}}"]),
        ("$$${{x}}", ["$${{x}}"]),
        ("$${{", ["${{"]),
        ("a $${{x}} ${{inputs.y}} $${{z}}", ["a ${{x}} ", ("inputs.y",), " ${{z}}"]),
        ("$${{${{inputs.a}}", ["${{", ("inputs.a",)]),
        ("$ ${{inputs.a}}", ["$ ", ("inputs.a",)]),
        ("${{inputs['}}']}}", [("inputs['}}']",)]),
        ('${{inputs["}} ${{ x"]}}', [('inputs["}} ${{ x"]',)]),
        ("${{inputs['\\'}}']}}!", [("inputs['\\'}}']",), "!"]),
        ("${{inputs['\\\\']}} '", [("inputs['\\\\']",), " '"]),
        ("${{ {'a': {'b': 1}} }}", [("{'a': {'b': 1}}",)]),
        ("${{{'a': {'b': 1}}}}", [("{'a': {'b': 1}}",)]),
        ("${{ {'a': '}}'}.a }}", [("{'a': '}}'}.a",)]),
        ("${{ '''it's }}''' + x }}", [("'''it's }}''' + x",)]),
        ('${{ """a"}}""" }}', [('"""a"}}"""',)]),
        ("${{ '' == x }}", [("'' == x",)]),
    ],
)
def test_where_references_begin_and_end(text: str, pieces: list[str | tuple[str]]) -> None:
    assert shown(parse_text(text)) == pieces


def test_three_dollars_are_one_dollar_and_a_literal_reference() -> None:
    assert "".join(map(str, parse_text("$$${{x}}"))) == "$" + "${{x}}"


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("${{", 0, "no closing `}}`"),
        ("ab ${{inputs.a", 3, "no closing `}}`"),
        ("${{inputs.a}", 0, "no closing `}}`"),
        ("${{inputs['a}}", 0, "no closing `}}`"),
        ("${{inputs.a}} ${{inputs['b}}'", 14, "no closing `}}`"),
        ("${{ {'a': 1 }}", 0, "no closing `}}`"),
        ("${{}}", 0, "empty"),
        ("abc${{  \n}}", 3, "empty"),
        ("$${{x}} ${{ }}", 8, "empty"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_position(text: str, offset: int, says: str) -> None:
    with pytest.raises(ReferenceSyntaxError) as caught:
        parse_text(text)
    assert caught.value.offset == offset
    assert says in caught.value.message


def test_a_reference_without_an_end_is_told_how_a_literal_one_is_written() -> None:
    with pytest.raises(ReferenceSyntaxError, match=r"write `\$\$\{\{`"):
        parse_text("echo ${{ hello")


@given(st.text(alphabet="${}'\"\\ ab.[]0\n") | st.text())
def test_any_text_is_read_or_refused_at_a_position_in_it(text: str) -> None:
    try:
        pieces = parse_text(text)
    except ReferenceSyntaxError as error:
        assert text[error.offset : error.offset + 3] == "${{"  # noqa: PT017 - not every text raises it
        return
    if not has_reference(text):
        assert "".join(map(str, pieces)) == text
    for piece in pieces:
        if isinstance(piece, Reference):
            assert text[piece.offset :].startswith(piece.source)
            assert piece.source == piece.source.strip() != ""
        else:
            assert piece


@given(st.text() | st.text(alphabet="${}x"))
def test_any_text_can_be_written_so_that_it_is_literal(text: str) -> None:
    assert "".join(map(str, parse_text(text.replace("${{", "$${{")))) == text


@pytest.mark.parametrize(
    "text",
    [
        "${{inputs.a}} " * 50_000,
        "${{" + "{" * 200_000 + "}" * 200_000 + "}}",
        "${{ '" + "\\" * 400_000 + "' }}",
        "${{ '" + "\\'" * 100_000 + "' }}",
        "$${{" * 100_000,
        "${{inputs" + ".a" * 100_000 + "}}",
    ],
    ids=["many", "braces", "backslashes", "escaped quotes", "escapes", "long path"],
)
def test_large_texts_are_read_in_one_go(text: str) -> None:
    begin = time.perf_counter()
    assert parse_text(text)
    assert time.perf_counter() - begin < 15.0
