"""The Common Expression Language's own cases, where they are at hand.

`OPCODE_CEL_CASES` names the file, a JSON object per line: `{file, section, name, expr, bindings, want}`. Without
it there is nothing to collect here.
"""

import base64
import json
import math
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opcode_core import (
    ExecutionError,
    ExpressionLimits,
    ExpressionSyntaxError,
    InterpolationError,
)
from opcode_expr_cel.compile import compile_source
from opcode_expr_cel.engine import CelEngine
from opcode_expr_cel.errors import FaultError
from opcode_expr_cel.frame import ExhaustedError
from opcode_expr_cel.values import CelList, CelMap, Uint, equal, kind

CASES = Path(os.environ.get("OPCODE_CEL_CASES", ""))

WANTED = {
    ("basic", "logic", "integer_math", "fp_math", "string", "lists", "macros"): 1.0,
    ("comparisons",): 355 / 362,
    ("conversions", "fields", "parse", "timestamps"): 385 / 421,
    ("string_ext",): 0.9,
    ("math_ext",): 0.9,
}
READERS: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "uint": lambda text: Uint(int(text)),
    "double": float,
    "string": str,
    "bytes": base64.b64decode,
    "bool": bool,
    "null": lambda _: None,
    "list": lambda items: CelList(map(typed, items)),
}


def typed(value: dict[str, Any]) -> Any:
    ((name, content),) = value.items()
    if name != "map":
        return READERS[name](content)
    built = CelMap()
    for key, one in content:
        built.add(typed(key), typed(one))
    return built


def same(found: Any, wanted: Any) -> bool:
    if kind(found) != kind(wanted):
        return False
    if isinstance(wanted, float) and math.isnan(wanted):
        return math.isnan(found)
    return equal(found, wanted, [{}, 0, math.inf, math.inf])


def passes(case: dict[str, Any]) -> bool:
    bound = {name: typed(value) for name, value in case["bindings"].items()}
    # cases about unbound variables declare them
    names = {name: name for name in [*bound, "x", "a"]}
    try:
        code, scope = compile_source(case["expr"], names, ExpressionLimits())
        found = code([bound, 0, math.inf, math.inf, *[None] * scope.slots])
    except (ExpressionSyntaxError, FaultError, ExhaustedError):
        return "error" in case["want"]
    return "error" not in case["want"] and same(found, typed(case["want"]))


if CASES.is_file():

    @pytest.fixture(scope="module")
    def cases() -> list[dict[str, Any]]:
        with CASES.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    @pytest.mark.parametrize("files", WANTED, ids="+".join)
    def test_the_specification_s_cases(cases: list[dict[str, Any]], files: tuple[str, ...]) -> None:
        chosen = [case for case in cases if case["file"] in files]
        failed = [case for case in chosen if not passes(case)]
        share = 1 - len(failed) / len(chosen)
        by_section = Counter(f"{case['file']}/{case['section']}" for case in failed)
        print(f"{len(chosen) - len(failed)} of {len(chosen)}", dict(by_section))  # noqa: T201 - -s
        assert share >= WANTED[files], [case["expr"] for case in failed]

    def test_no_case_raises_anything_but_the_engine_s_errors(cases: list[dict[str, Any]]) -> None:
        for case in cases:
            variables = {"x": 1, "a": {}}
            engine = CelEngine([*variables, "y", "z"])
            try:
                json.dumps(engine.compile(case["expr"]).evaluate(variables), allow_nan=False)
            except (ExpressionSyntaxError, ExecutionError, InterpolationError):
                continue
