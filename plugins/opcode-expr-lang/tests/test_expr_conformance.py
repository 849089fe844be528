"""The results of the language's own implementation, where they are at hand.

`OPCODE_EXPR_CASES` names the file, a JSON object per line: `{expr, ok}` or `{expr, error}`; `env.json` beside it holds
the variables. Without it there is nothing to collect here. `expr_differences.txt` lists what differs, and why.
"""

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest
from opcode_core import ExecutionError, ExpressionLimits, ExpressionSyntaxError
from opcode_expr_lang.compile import compile_source
from opcode_expr_lang.engine import ExprEngine
from opcode_expr_lang.frame import new_frame
from opcode_expr_lang.values import kind
from opcode_expr_lang.writing import as_text

CASES = Path(os.environ.get("OPCODE_EXPR_CASES", ""))
DIFFERENCES = Path(__file__).with_name("expr_differences.txt")
NAME = re.compile(r"[A-Za-z_]\w*")
GIVEN = re.compile(r"let (\w+)")


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return (
            kind(found) == "array" and len(found) == len(wanted) and all(map(same, found, wanted))
        )
    if not isinstance(wanted, dict):
        return type(found) is type(wanted) and bool(found == wanted)
    ((form, content),) = wanted.items()
    if form == "$f":
        value = float(content)
        return type(found) is float and (
            found == value or (math.isnan(found) and math.isnan(value))
        )
    if form == "$s":
        return bool(as_text(new_frame({}, 1.0), found) == content)
    return kind(found) == "map" and same_entries(list(found.items()), content)


def same_entries(found: list[tuple[Any, Any]], wanted: list[list[Any]]) -> bool:
    for key, value in wanted:
        at = next((at for at, one in enumerate(found) if same(one[0], key)), None)
        if at is None or not same(found.pop(at)[1], value):
            return False
    return not found


def names_of(source: str) -> set[str]:
    """Every name in a source but those it gives itself: undefined variables are allowed, and nil."""
    return dict.fromkeys(NAME.findall(source)).keys() - set(GIVEN.findall(source))


def agrees(case: dict[str, Any], variables: dict[str, Any]) -> bool:
    names = {name: name for name in [*variables, *names_of(case["expr"])]}
    try:
        code, scope = compile_source(case["expr"], names, ExpressionLimits())
        found = code(new_frame(variables, 1.0, (None,) * scope.slots))
    except (ExpressionSyntaxError, ExecutionError):
        return "error" in case
    return "error" not in case and same(found, case["ok"])


if CASES.is_file():

    @pytest.fixture(scope="module")
    def variables() -> Any:
        return json.loads(CASES.with_name("env.json").read_text(encoding="utf-8"))

    @pytest.fixture(scope="module")
    def cases() -> list[dict[str, Any]]:
        with CASES.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def test_the_language_s_own_results(
        cases: list[dict[str, Any]], variables: dict[str, Any]
    ) -> None:
        differ = {case["expr"] for case in cases if not agrees(case, variables)}
        lines = DIFFERENCES.read_text(encoding="utf-8").splitlines()
        listed = {line for line in lines if line and not line.startswith(("# ", "## "))}
        assert 1 - len(differ) / len(cases) >= 0.99
        assert sorted(differ - listed) == []
        assert sorted(listed - differ) == []

    def test_no_case_raises_anything_but_the_engine_s_errors(
        cases: list[dict[str, Any]], variables: dict[str, Any]
    ) -> None:
        for case in cases:
            source = case["expr"]
            engine = ExprEngine([*variables, *names_of(source)])
            try:
                json.dumps(engine.compile(source).evaluate(variables), allow_nan=False)
            except (ExpressionSyntaxError, ExecutionError):
                continue
