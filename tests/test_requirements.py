"""The register of promises agrees with the tests there are, both ways."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]


def register() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "requirements", ROOT / "tests" / "requirements.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    __import__("sys").modules["requirements"] = module
    spec.loader.exec_module(module)
    return module


def existing_tests() -> dict[str, set[str]]:
    """`file` or `plugin/file` → the names of its tests."""
    found = {}
    for path in [
        *(ROOT / "tests").glob("test_*.py"),
        *(ROOT / "plugins").glob("*/tests/test_*.py"),
    ]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            node.name
            for node in tree.body
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and node.name.startswith("test_")
        }
        own = path.parent == ROOT / "tests"
        found[path.stem if own else f"{path.parts[-3].rpartition('-')[2]}/{path.stem}"] = names
    return found


def test_every_test_that_is_named_exists() -> None:
    there_are = existing_tests()
    for promise in register().PROMISES:
        for test in promise.tests:
            file, _, name = test.partition("::")
            assert file in there_are, f"{promise.id}: there is no {file}"
            assert name == "*" or name in there_are[file], f"{promise.id}: {file} has no {name}"


def test_every_file_of_tests_holds_a_promise() -> None:
    module = register()
    named = {test.partition("::")[0] for promise in module.PROMISES for test in promise.tests}
    assert existing_tests().keys() - named - module.GUARDS_THE_HOUSE == set()


def test_every_promise_is_held_or_says_why_not() -> None:
    promises = register().PROMISES
    assert len({promise.id for promise in promises}) == len(promises)
    for promise in promises:
        assert bool(promise.tests) != bool(promise.gap), promise.id
