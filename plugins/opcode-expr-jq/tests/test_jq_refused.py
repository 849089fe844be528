"""What is refused when a program is compiled, and what is said then."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings, strategies as st
from opcode_core import ExpressionLimits, ExpressionSyntaxError
from opcode_expr_jq.engine import JqEngine
from opcode_expr_jq.tokens import tokenize

ENGINE = JqEngine()


@pytest.fixture(scope="module", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    ENGINE.close()


def refusal(source: str) -> ExpressionSyntaxError:
    with pytest.raises(ExpressionSyntaxError) as caught:
        ENGINE.compile(source)
    return caught.value


REACHING_OUT = [
    "env", "input", "inputs", "input_filename", "input_line_number", "get_search_list", "modulemeta", "debug",
    "stderr",
    "halt", "halt_error", "$ENV", "$__prog_args", "$__prog_name", "lib::f", "$lib::x",
]  # fmt: skip


@pytest.mark.parametrize("name", REACHING_OUT)
@pytest.mark.parametrize(
    "form",
    [
        "%s", ".inputs | %s", "%s.PATH", "[%s]", "{a: %s}", "{(%s): 1}", '"\\(%s)"', '"a\\("b\\(%s)")"',
        '@json "\\(%s)"',
        "map(%s)", "1 as $x | %s", ".inputs[%s]", "def f: %s; f", "try %s catch .", "# a\n%s", "#\\\\n\n%s",
        "reduce %s as $x (0; 1)",
        ".inputs|%s#x", "{a: 1} | %s", '"a" | %s', "if 1 then %s end", '{"a":1,b:(%s)}', "..|%s", "-%s", "1,%s",
        "(%s)",
    ],
)  # fmt: skip
def test_names_that_reach_out_of_a_program(name: str, form: str) -> None:
    source = form % name
    error = refusal(source)
    assert f"`{name}` cannot be used" in error.message
    assert error.offset == source.rindex(name)


@pytest.mark.parametrize(
    "source",
    [
        'import "a" as a; .inputs', 'import "a" as $a; $a', 'import "a" as $a {search: "/etc"}; 1', 'include "a"; 1',
        "module {}; .inputs", 'include "/etc/passwd" {"search": "./"}; 1', '1 | import "a" as a; 1',
    ],
)  # fmt: skip
def test_files(source: str) -> None:
    assert "programs read no files" in refusal(source).message


def test_names_of_members_are_free() -> None:
    for source in (
        ".inputs.env | .input | .debug", '.inputs["env"]', '.inputs."$ENV"', '"env and $ENV and import"',
        "{env: 1, input: 2}",
        "{env, halt}?", ".inputs as {env: $x} | $x", "# env\n.inputs", ".inputs # $ENV", '"\\u0065nv"',
        "1 as $env | $env",
    ):  # fmt: skip
        if source.startswith("{env, "):
            assert "there is no `.env`" in refusal(source).message
        else:
            ENGINE.compile(source)


@pytest.mark.parametrize(
    ("source", "message", "offset"),
    [
        (".input.x", "there is no `.input`: there is `.steps`, `.inputs`, `.workflow`, ", 0),
        (".input.x", "did you mean `.inputs`?", 0),
        (".inputs.x + .contxt.y", "did you mean `.context`?", 12),
        ("{steps, stesp}", "did you mean `.steps`?", 8),
        ('."secrets".x', "there is no `.secrets`", 1),
        ('.["secrets"]', "there is no `.secrets`", 1),
        (". as $all | $all.secrets", "there is no `.secrets`", 16),
        (".loop.item", "it is `.iter` here", 0),
        ("inputs.x", "the workflow's inputs are `.inputs`", 0),
        ("steps.x", "the variable is `.steps`", 0),
        (".steps.h-1.output", "not expected here", None),
        (".steps.a-b.output", 'a name with a dash is read as `.["a-b"]`', 9),
        (".inputs | lenght", "there is no function `lenght`; did you mean `length`?", 10),
        (".inputs | map", "`map` does not take 0 arguments", 10),
        (".inputs | frobnicate(1; 2)", "there is no function `frobnicate` with 2 arguments", 10),
        (".inputs | $nobody", "there is no variable `$nobody`", 10),
        ("é", "jq has no use for `é` here", 0),
        ("'a'", "texts stand in double quotes", 0),
        (".inputs.a && .inputs.b", "it is `and`", 10),
        ("!.inputs.a", "it is `| not`", 0),
        ("$ x", "a variable is `$name`, without a space", 0),
        ("", "the program is empty", None),
        (" # nothing\n", "the program is empty", None),
        ("[.inputs.items[] | ", "`[` is not closed", 0),
        (".inputs | (1", "`(` is not closed", 10),
        ('"abc', '`"` is not closed', 0),
        ('"a\\(1', "`\\(` is not closed", 2),
        ("[1)", "`)` closes nothing here: `]` was expected", 2),
        ("1]", "`]` closes nothing here", 1),
        ('"\\x"', "after a backslash in a string stands one of", 1),
        ('"\\ud800"', "half of a surrogate pair", 1),
        ('"\ud800"', "half of a surrogate pair", 1),
        (".inputs\x00", "the control character U+0000", 7),
        ('"a\x1fb"', "the control character U+001F", 2),
        ("# a \\\nenv", "a comment cannot end in a backslash", 0),
        ("# a \\\\\nenv", "a comment cannot end in a backslash", 0),
        ("# a \\", "a comment cannot end in a backslash", 0),
        ("# a \\\r\nenv", "a comment cannot end in a backslash", 0),
        ("1 # a \r env", "hold a carriage return", 2),
        (".inputs |", "the end is not expected here", None),
        ("1 +", "the end is not expected here", None),
        (".inputs.a?//1", "with a space, `? //` is the alternative", 9),
        ("if 1 then 2", "the end is not expected here", None),
        (".inputs ] | 1", "`]` closes nothing here", 8),
        ('"é" | lenght', "did you mean `length`?", 6),
        ("1 |\n 2 |\n lenght", "did you mean `length`?", 10),
    ],
)  # fmt: skip
def test_what_is_said(source: str, message: str, offset: int | None) -> None:
    error = refusal(source)
    assert message in error.message
    if offset is not None:
        assert error.offset == offset


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("(" * 51 + "1" + ")" * 51, "nested deeper than 50"),
        ("[" * 300, "nested deeper than 50"),
        ('"\\(' * 51 + "1" + ')"' * 51, "nested deeper than 50"),
        ('"' + "é" * 2048 + '"', "4096 bytes, this one has 4098"),
        ("[1" + ",1" * 2048, "4096 bytes"),
        ('"x" * 1e9', "needs more than 512 MiB of memory"),  # folded by jq's compiler
    ],
)
def test_limits(source: str, words: str) -> None:
    assert words in refusal(source).message


def test_what_is_just_within_the_limits() -> None:
    for source, result in (
        ("(" * 50 + "1" + ")" * 50, 1),
        ('"' + "é" * 2047 + '"', "é" * 2047),
        ("[1" + ",1" * 2040 + "]|add", 2041),
        ("-" * 4000 + "1", 1),
        ("1" + " | ." * 1000, 1),
        (". as $x | " * 400 + "1", 1),
        ("try " * 1000 + "1", 1),
        ("def f: " * 300 + "1" + "; f" * 300, 1),
        ('"(((((((((((((((((((((((((((((((((((((((((((((((((((((((" | length', 55),
        (".inputs" + ".a" * 2000, None),
    ):
        assert ENGINE.compile(source).evaluate({"inputs": {}}) == result


PIECES = st.sampled_from(
    [".", "..", "[", "]", "(", ")", "{", "}", '"', "\\(", "\\", "|", ",", ":", ";", "#", "\n", "\r", " ", "$", "$x",
    "@json", "env",
     "inputs", ".inputs", ".env", "import", "as", "def", "f", "if", "then", "else", "end", "reduce", "foreach",
     "try", "catch",
     "label", "?", "?//", "//", "=", "|=", "==", "+", "-", "1", "1.5e3", "é", "\x00", "\ud800", "a", "::",
     "$__loc__", "and", "\\u00"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60))
def test_any_text_compiles_or_is_refused(source: str) -> None:
    try:
        ENGINE.compile(source)
    except ExpressionSyntaxError as error:
        offset, message = error.offset, error.message
    else:
        return
    assert message
    assert offset is None or 0 <= offset <= len(source)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_tokens_are_what_is_written(source: str) -> None:
    try:
        cut = tokenize(source, ExpressionLimits())
    except ExpressionSyntaxError:
        return
    assert len(cut.source) == len(source)
    for token in cut.tokens:
        assert cut.source[token.offset] == source[token.offset]
        if token.kind in ("name", "number", "operator", "quote"):
            assert source.startswith(token.text, token.offset)
