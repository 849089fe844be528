"""The register of promises and the tests agree, in both directions."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from requirements import PROMISES, Promise

ROOT = Path(__file__).parents[1]
TEST_FILES = [
    *sorted((ROOT / "tests").glob("test_*.py")),
    *sorted((ROOT / "plugins").glob("*/tests/test_*.py")),
]
CASES = (ROOT / "tests" / "conformance.txt").read_text(encoding="utf-8").splitlines()


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every test function, with its name as the register writes it."""
    for path in TEST_FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
                "test_"
            ):
                yield f"{path.stem}::{node.name}", node


def marks(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The promises a test says it keeps, by `@pytest.mark.promise("id", …)`."""
    return [
        argument.value
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.promise"
        for argument in decorator.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


TESTS = dict(functions())
MARKED = Counter(name for function in TESTS.values() for name in marks(function))


def test_every_promise_has_an_id_of_its_own() -> None:
    counts = Counter(promise.id for promise in PROMISES)
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: str(promise.id))
def test_a_promise_is_kept_or_names_its_gap(promise: Promise) -> None:
    proofs = [*promise.tests, *promise.cases, *["a mark"] * MARKED[promise.id]]
    assert promise.text.endswith(".")
    assert promise.source
    assert bool(proofs) != bool(promise.gap), (
        f"{promise.id}: {proofs or 'no proof'}, gap {promise.gap!r}"
    )


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: str(promise.id))
def test_what_a_promise_names_exists(promise: Promise) -> None:
    assert [name for name in promise.tests if name not in TESTS] == []
    assert [line for line in promise.cases if line not in CASES] == []


def test_every_mark_names_a_promise() -> None:
    assert set(MARKED) - {promise.id for promise in PROMISES} == set()


def test_every_black_box_case_belongs_to_a_promise() -> None:
    named = {line for promise in PROMISES for line in promise.cases}
    assert sorted(set(CASES) - named) == []
