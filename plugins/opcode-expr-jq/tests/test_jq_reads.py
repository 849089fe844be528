"""What a program reads, found without running it: never too little, and no more than need be."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st
from opcode_core import ExecutionError, ExpressionSyntaxError
from opcode_expr_jq.engine import VARIABLES, JqEngine
from opcode_expr_jq.process import WorkerError

ENGINE = JqEngine()
NAMES = {name: name for name in VARIABLES}
STEPS: dict[str, Any] = {
    "a": {"output": {"x": [1, {"y": 2}], "t": "text"}, "status": "completed", "error": None},
    "b-c": {"output": 5, "status": "skipped", "error": None},
}
DATA: dict[str, Any] = {
    "steps": STEPS,
    "inputs": {"rows": [{"id": 1, "ok": True}, {"id": 2, "ok": False}], "n": 3, "t": "a,b", "m": {"k": {"z": 1}}},
    "workflow": {"run_id": "r"},
    "context": {"team": "blue", "l": [[1], [2, 3]]},
    "iter": {"item": {"v": 1}, "index": 0},
}  # fmt: skip
ALL = ()
"""The whole input."""


@pytest.fixture(scope="module", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    ENGINE.close()


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        (".inputs", [("inputs",)]),
        (".inputs.rows", [("inputs", "rows")]),
        (".inputs . rows", None),
        (".inputs.rows[0].id", [("inputs", "rows", 0, "id")]),
        (".inputs.rows[-1].id", [("inputs", "rows")]),
        (".inputs.rows[].id", [("inputs", "rows")]),
        (".inputs.rows[1:]", [("inputs", "rows")]),
        (".inputs.rows[.inputs.n:]", [("inputs", "rows"), ("inputs", "n")]),
        (".inputs[.context.team]", [("inputs",), ("context", "team")]),
        ('.steps["b-c"].output', [("steps", "b-c", "output")]),
        ('.steps."b-c".output', [("steps", "b-c", "output")]),
        ('.steps.["b-c"].output?', [("steps", "b-c", "output")]),
        ('."steps"["a"]', [("steps", "a")]),
        (".steps | .a | .output", [("steps", "a", "output")]),
        (".steps as $s | $s.a.status", [("steps", "a", "status")]),
        (". as $r | .inputs.rows | map(.id + $r.inputs.n)", [("inputs", "rows"), ("inputs", "n")]),
        (".steps.a as {output: $o} | $o", [("steps", "a")]),
        (".inputs.rows | map(select(.ok))", [("inputs", "rows")]),
        ("[.inputs.rows[] | {id, n: .ok}]", [("inputs", "rows")]),
        ('{inputs, "a": .steps.a.status}', [("inputs",), ("steps", "a", "status")]),
        ('"\\(.inputs.n) of \\(.inputs.t)"', [("inputs", "n"), ("inputs", "t")]),
        ('@base64 "x\\(.inputs.t)"', [("inputs", "t")]),
        ("@json", [ALL]),
        ('.inputs.n > 2 and .steps.a.status == "completed"', [("inputs", "n"), ("steps", "a", "status")]),
        (".inputs.x // .context.y", [("inputs", "x"), ("context", "y")]),
        ("if .inputs.n then .steps.a else .iter.item end", [("inputs", "n"), ("steps", "a"), ("iter", "item")]),
        ("if .inputs.n then 1 end", [("inputs", "n"), ALL]),
        ("try .inputs.n.x catch .", [("inputs", "n", "x")]),
        ("reduce .inputs.rows[] as $r (.inputs.n; . + $r.id)", [("inputs", "rows"), ("inputs", "n")]),
        ("foreach .inputs.rows[] as {$id} (0; . + $id; [.])", [("inputs", "rows")]),
        ("select(.inputs.n > 3) | .steps.a", [("inputs", "n"), ("steps", "a")]),
        ("first(.inputs.rows[])", [("inputs", "rows")]),
        ("first(.inputs.m.k).z", [("inputs", "m", "k", "z")]),
        ("limit(.inputs.n; .inputs.rows[])", [("inputs", "n"), ("inputs", "rows")]),
        ("range(.inputs.n)", [("inputs", "n")]),
        ("1, 2, null", []),
        ("[]", []),
        ("now", []),
        (".", [ALL]), ("..", [ALL]), (".[]", [ALL]), ("keys", [ALL]), ("to_entries", [ALL]), ("tojson", [ALL]),
        ('getpath(["inputs"])', [ALL]), ("path(.inputs)", [ALL]), ('has("inputs")', [ALL]), ("{a: .}", [ALL]),
        ("[.]", [ALL]), ("-.", [ALL]), (". == 1", [ALL]), ("map(.)", [ALL]), (". as [$a] | 1", [ALL]),
        (". as {inputs: $i} | $i", [ALL]), ("def f: .inputs; f", [ALL]), ("def select(f): .; select(1)", [ALL]),
        ("def first(f): .; first(1)", [ALL]), ("def g(empty): empty; g(1)", [ALL]),
        (".inputs.n = 1", [("inputs", "n"), ALL]),
        ("del(.inputs)", [ALL]), ("[limit(3; .)]", [ALL]), ('.["inputs", "steps"]', [ALL]), (".[0]", [ALL]),
        ('"\\(.)"', [ALL]), ("reduce 1 as $x (.; .)", [ALL]), ("try error catch .", [ALL]), ("first(.)", [ALL]),
        (". as $x | def f: $x; 1 | f", [ALL]), ("label $f | .", [ALL]), ("input_line", None),
    ],
)  # fmt: skip
def test_what_is_read(source: str, reads: list[Any] | None) -> None:
    if reads is None:
        with pytest.raises(ExpressionSyntaxError):
            ENGINE.compile(source)
        return
    expression = ENGINE.compile(source)
    found = {tuple(path) for path in reads}
    assert set(expression.reads) == {path for path in found if path}
    sent = orjson.loads(expression._document.write(DATA))
    assert (sent == DATA) == (ALL in found)


def test_only_what_is_read_is_sent() -> None:
    def sent(source: str) -> Any:
        return orjson.loads(ENGINE.compile(source)._document.write(DATA))

    assert sent(".steps.a.status") == {"steps": {"a": {"status": "completed"}}}
    assert sent(".steps.a.output.x[0], .steps.a.output.x") == {
        "steps": {"a": {"output": {"x": [1, {"y": 2}]}}}
    }
    assert sent(".steps.nobody.x, .inputs.nothing.y") == {"steps": {}, "inputs": {}}
    assert sent(".inputs.t.x") == {"inputs": {"t": "a,b"}}
    assert sent(".context.l[0].a, .context.l.b") == {"context": {"l": [[1], [2, 3]]}}
    assert sent("7") == {}


def test_gathering_changes_no_variable() -> None:
    before = orjson.dumps(DATA)
    for source in (".inputs.m[0], .inputs.m.k.z", ".inputs.m.k, .inputs.m.k.z, .inputs.q", "."):
        with contextlib.suppress(ExecutionError):
            ENGINE.compile(source).evaluate(DATA)
    assert orjson.dumps(DATA) == before


class Lazy(Mapping[str, Any]):
    """An object that makes its members when they are asked for, and keeps count."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.asked: list[str] = []

    def __getitem__(self, key: str) -> Any:
        self.asked.append(key)
        return self.content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)


def test_any_mapping_is_an_object_and_only_the_step_that_is_read_is_asked_for() -> None:
    steps = Lazy(STEPS)
    assert ENGINE.compile(".steps.a.output.x[1].y").evaluate({"steps": steps}) == 2
    assert steps.asked == ["a"]
    assert ENGINE.compile(".steps | keys").evaluate({"steps": steps}) == ["a", "b-c"]
    assert ENGINE.compile(".steps.nobody.output").evaluate({"steps": steps}) is None


FIELDS = st.sampled_from(
    [".inputs", ".steps", ".context", ".iter", ".inputs.rows", ".inputs.n", ".inputs.m.k", ".steps.a", ".context.l",
     ".steps.a.output.x", '.steps["b-c"]', '.inputs["t"]', ".workflow.run_id", ".iter.item.v", ".inputs.none.x"]
)  # fmt: skip
TERMS = st.one_of(
    FIELDS,
    st.sampled_from([".", "limit(3; ..)", "1", '"s"', "null", "[]", "$v", "$w", "f", "g(.)", "-1"]),
)
OF_ONE = (
    "(%s)", "(%s)?", "[%s]", "{a: (%s)}", "(%s).k", "(%s)[0]?", "(%s)[]?", "map(%s)?", "(%s | keys?)",
    "try (%s) catch .", "(try error(%s) catch .)", "first(%s)", "select(%s)", "([%s] | length)",
    "path(..) as $v | (%s)", "-(%s)?", '"<\\(%s)>"', "(%s | tojson)", "(def q: %s; q)",
    "(def q(h): h | (%s); q(.inputs))", '{("k"): (%s)}', "[limit(2; %s)]", "(%s | not)", "(%s)[1:]?", "any(%s)?",
    "(%s | type)", '(%s | getpath(["inputs"])?)', "with_entries(.value |= (%s))?", "(label $out | %s)",
    "(%s | . as {k: $v} | $v)?", "(. as $v | %s)", "(%s | to_entries?)", "del(%s)?", "isempty(%s)", "(%s | .. )",
    "last(%s)",
)  # fmt: skip
OF_TWO = (
    "(%s | %s)", "(%s, %s)", "(%s == %s)", "(%s // %s)", "(%s and %s)", "(%s as $v | %s)", "(%s as [$v, $w] | %s)?",
    "[%s, %s]", "{a: (%s), b: (%s)}", "(%s)[%s]?", "(if %s then %s end)", "(%s | select(%s))", "(%s | map(%s)?)",
    "(%s as {k: $v} ?// [$w] | %s)?", "(try (%s) catch (%s))", "(%s | first(%s))", "(def q: %s; q | %s)",
    "(%s |= %s)?", "(%s = %s)?", "(%s + %s)?", "(. as $w | %s | %s)", "(def q($v): %s; q(%s))", "limit(1; %s, %s)",
    "(%s ?// %s)",
)  # fmt: skip
OF_THREE = (
    "(if %s then %s else %s end)", "(reduce (%s) as $v (%s; %s))?", "[foreach (%s) as $v (%s; %s)]?",
    "(%s as $v | %s as $w | %s)", "(reduce (%s) as [$v, $w] (%s; %s))?", "(%s | %s | %s)",
)  # fmt: skip


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        [
            st.builds(_filled, st.sampled_from(forms), st.tuples(*[inner] * size))
            for size, forms in enumerate((OF_ONE, OF_TWO, OF_THREE), 1)
        ]
    )


def _filled(form: str, parts: tuple[str, ...]) -> str:
    return form % parts


PROGRAMS = st.recursive(TERMS, _larger, max_leaves=6)
WHOLE = "null as $v | null as $w | def f: .inputs?; def g(h): h; "


@settings(max_examples=300, deadline=None)
@given(PROGRAMS)
def test_what_is_sent_is_enough(program: str) -> None:
    """A program gives with what it is found to read what it gives with everything."""
    source = WHOLE + program
    try:
        expression = ENGINE.compile(source)
    except ExpressionSyntaxError:  # a member of the top that is not there, or no jq after all
        return
    text = expression._program
    sent = expression._document.write(DATA)
    try:
        whole = ENGINE._pool.ask(text, orjson.dumps(DATA), 1)
    except WorkerError:  # too much work
        return
    assert ENGINE._pool.ask(text, sent, 5) == whole
