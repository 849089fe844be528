"""assert.equals, assert.contains and assert.matches; what the plugin registers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import opcode_action_assert as plugin
import pydantic
import pytest
from opcode_action_assert.contains import ContainsParams, contains
from opcode_action_assert.equals import EqualsParams, equals
from opcode_action_assert.matches import IN_PLACE_WORK, MatchesParams, matches
from opcode_core import (
    Action,
    AssertionFailedError,
    Effect,
    LimitExceededError,
    ValidationError,
)

GENEROUS = 30.0
"""Seconds: what is bounded never takes so long, however busy the machine is; what is not takes far longer."""


class Provenance:
    """Says which parameters references brought in."""

    def __init__(self, *referenced: str) -> None:
        self._referenced = referenced

    def sources(self, *path: str | int) -> frozenset[str]:
        return frozenset({"inputs"} if path[0] in self._referenced else ())


class Context:
    """What assert.equals asks of an ActionContext."""

    def __init__(self, *referenced: str) -> None:
        self.provenance = Provenance(*referenced)


class Source:
    """An action step as a definition has it."""

    pointer = "/steps/0/params"

    def __init__(self, params: Mapping[str, Any], *references: str) -> None:
        self.params = params
        self._references = references

    def references(self, *path: str | int) -> bool:
        return path[0] in self._references


BOTH = ("expected", "actual")


def run_equals(expected: Any, actual: Any, *referenced: str, message: str | None = None) -> Any:
    params = EqualsParams(expected=expected, actual=actual, message=message)
    return equals.run(params, Context(*referenced)).model_dump(by_alias=True)


def run_contains(haystack: Any, needle: Any) -> Any:
    params = ContainsParams(haystack=haystack, needle=needle)
    return contains.run(params).model_dump(by_alias=True)


async def run_matches(value: Any, pattern: str, **more: Any) -> Any:
    output = await matches.run(MatchesParams(value=value, pattern=pattern, **more))
    return output.model_dump(by_alias=True)


def check(action: Action, source: Source) -> list[dict[str, Any]]:
    assert action.check is not None
    return [problem.to_json() for problem in action.check(source)]  # type: ignore[arg-type] # a fake


def deep(bottom: Any) -> Any:
    value = bottom
    for level in range(120):
        value = [value] if level % 2 else {"a": value}
    return value


EQUAL = [
    (1, 1.0),
    (0, -0.0),
    (None, None),
    (True, True),
    ("é", "é"),
    ([], []),
    ({"x": [1, {"y": None}], "z": "é"}, {"z": "é", "x": [1.0, {"y": None}]}),
    (2**63 - 1, 2**63 - 1),
    (deep(1), deep(1.0)),
]
DIFFERENT = [
    (1, True),
    (0, False),
    (1.0, True),
    (0, None),
    ("", None),
    ([1], [True]),
    ({"a": {"b": 0}}, {"a": {"b": False}}),
    ([1, 2], [2, 1]),
    ([1], [1, 1]),
    ({"x": None}, {}),
    ({}, {"x": None}),
    ([], {}),
    ({"0": 1}, [1]),
    ("a", "A"),
    (2**53 + 1, float(2**53)),
    (deep(1), deep(True)),
    (200, "200"),
]


@pytest.mark.parametrize(("expected", "actual"), EQUAL)
def test_equals_passes_for_equal_values(expected: Any, actual: Any) -> None:
    assert run_equals(expected, actual) == {"pass": True}
    assert run_equals(actual, expected) == {"pass": True}


@pytest.mark.parametrize(("expected", "actual"), DIFFERENT)
def test_equals_fails_for_different_values(expected: Any, actual: Any) -> None:
    for left, right in ((expected, actual), (actual, expected)):
        with pytest.raises(AssertionFailedError) as caught:
            run_equals(left, right)
        details = caught.value.details
        assert details is not None
        assert (details["expected"], details["actual"]) == (left, right)
        assert details["diff"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(200, "200"), (2.0, "2"), (1.5, "1.5"), (1e21, "1e+21"), (True, "true"), (False, "false")],
)
def test_a_scalar_that_a_reference_brings_in_equals_its_text(value: Any, text: str) -> None:
    for sides in (("actual",), BOTH):
        assert run_equals(text, value, *sides) == {"pass": True}
    for sides in (("expected",), BOTH):
        assert run_equals(value, text, *sides) == {"pass": True}
    for referenced in ([], ["expected"]):
        with pytest.raises(AssertionFailedError):
            run_equals(text, value, *referenced)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, True),
        (None, "null"),
        ("2.0", 2.0),
        ("True", True),
        ("200 ", 200),
        ([200], ["200"]),
        ("[1]", [1]),
    ],
)
def test_only_a_scalar_beside_its_own_text_is_compared_as_text(expected: Any, actual: Any) -> None:
    with pytest.raises(AssertionFailedError):
        run_equals(expected, actual, *BOTH)


def test_the_difference_says_where_and_leaves_out_what_is_not_there() -> None:
    with pytest.raises(AssertionFailedError) as caught:
        run_equals({"n": 1, "a/b": {"~": [1, 2]}, "gone": 0}, {"n": 2, "a/b": {"~": [1]}, "new": 9})
    assert caught.value.details is not None
    assert caught.value.details["diff"] == [
        {"path": "/n", "expected": 1, "actual": 2},
        {"path": "/a~1b/~0/1", "expected": 2},
        {"path": "/gone", "expected": 0},
        {"path": "/new", "actual": 9},
    ]
    assert caught.value.message == (
        "`actual` is not `expected`: another number at /n, and more differences"
    )


@pytest.mark.parametrize(
    ("expected", "actual", "message"),
    [
        ("s", 5, "a number, a string was expected"),
        ({"a": 1}, {}, "nothing at /a, a number was expected"),
        ([], [None], "null at /0, nothing was expected"),
        ("hidden value", "another hidden value", "another string"),
    ],
)
def test_the_message_names_types_and_never_values(expected: Any, actual: Any, message: str) -> None:
    with pytest.raises(AssertionFailedError) as caught:
        run_equals(expected, actual)
    assert caught.value.message == f"`actual` is not `expected`: {message}"
    assert "hidden" not in caught.value.message


def test_at_most_twenty_differences_are_listed() -> None:
    with pytest.raises(AssertionFailedError) as caught:
        run_equals(list(range(1000)), list(range(1, 1001)))
    assert caught.value.details is not None
    assert [each["path"] for each in caught.value.details["diff"]] == [f"/{n}" for n in range(20)]


def test_the_authors_message_is_the_errors() -> None:
    with pytest.raises(AssertionFailedError) as caught:
        run_equals(1, 2, message="the count is off")
    assert caught.value.to_json()["message"] == "the count is off"
    assert caught.value.to_json()["code"] == "ASSERTION_FAILED"


def test_large_values_are_compared_quickly() -> None:
    large = {"rows": [{"id": n, "name": f"row {n}", "on": n % 2 == 0} for n in range(30_000)]}
    same = json.loads(json.dumps(large))
    started = time.perf_counter()
    assert run_equals(large, same) == {"pass": True}
    same["rows"][-1]["on"] = 0
    with pytest.raises(AssertionFailedError) as caught:
        run_equals(large, same)
    assert time.perf_counter() - started < GENEROUS
    assert caught.value.details is not None
    assert caught.value.details["diff"][0]["path"] == "/rows/29999/on"


@pytest.mark.parametrize(
    ("haystack", "needle"),
    [
        ("one two three", "two"),
        ("", ""),
        ("code 200", 200),
        ("it is true", True),
        ([1, {"a": [2]}], {"a": [2.0]}),
        ([None], None),
        ([1, "1"], "1"),
        ({"name": "x"}, "name"),
        ({"7": None}, 7),
        ({"": 1}, ""),
    ],
)
def test_contains_finds(haystack: Any, needle: Any) -> None:
    assert run_contains(haystack, needle) == {"pass": True}


@pytest.mark.parametrize(
    ("haystack", "needle"),
    [("abc", "d"), ([1, 2], 3), ([1], True), ([1], "1"), ([], None), ({"k": "v"}, "v"), ({}, "")],
)
def test_contains_fails_with_both(haystack: Any, needle: Any) -> None:
    with pytest.raises(AssertionFailedError, match="does not contain") as caught:
        run_contains(haystack, needle)
    assert caught.value.details == {"expected": needle, "actual": haystack}


@pytest.mark.parametrize("haystack", [5, 1.5, True, None])
def test_contains_refuses_what_cannot_contain(haystack: Any) -> None:
    with pytest.raises(ValidationError, match="expected a string, an array or an object, found"):
        run_contains(haystack, "5")
    problems = check(contains, Source({"haystack": haystack, "needle": "5"}))
    assert [(each["path"], each["code"]) for each in problems] == [
        ("/steps/0/params/haystack", "WRONG_TYPE")
    ]


def test_contains_leaves_to_the_run_what_a_reference_brings() -> None:
    assert check(contains, Source({"haystack": "${{inputs.h}}"}, "haystack")) == []
    assert check(contains, Source({"needle": "x"})) == []
    assert check(contains, Source({"haystack": [1], "needle": "x"})) == []


@pytest.mark.parametrize("haystack", ["text", {"key": 1}])
@pytest.mark.parametrize("needle", [None, ["a"], {"a": 1}])
def test_contains_refuses_a_needle_that_is_no_text(haystack: Any, needle: Any) -> None:
    with pytest.raises(ValidationError, match="`needle`: expected a string"):
        run_contains(haystack, needle)


@pytest.mark.parametrize(
    ("value", "pattern", "matched", "groups"),
    [
        ("order 1234 shipped", r"order (\d+)", "order 1234", ["1234"]),
        ("Grüße 42", r"^\pL+\s(?P<n>\d{2})$", "Grüße 42", ["42"]),
        ("y", "(x)|(y)", "y", [None, "y"]),
        ("anything", "", "", []),
        ("", "^$", "", []),
        ("a\nb", "(?m)^b$", "b", []),
        ("a\x00b", "\\x00b", "\x00b", []),
        (200, "^2..$", "200", []),
        (2.0, "^2$", "2", []),
        (12345678, r"^\d+$", "12345678", []),
        (True, "^true$", "true", []),
        (None, "^null$", "null", []),
    ],
)
async def test_matches_gives_what_it_found(
    value: Any, pattern: str, matched: str, groups: list[str | None]
) -> None:
    found = await run_matches(value, pattern)
    assert found == {"pass": True, "matches": matched, "groups": groups}


async def test_matches_fails_with_pattern_and_value() -> None:
    with pytest.raises(AssertionFailedError) as caught:
        await run_matches("abc", "^b")
    assert caught.value.message == "`pattern` matches nowhere in `value`"
    assert caught.value.details == {"expected": "^b", "actual": "abc"}
    with pytest.raises(AssertionFailedError, match=r"^no b$"):
        await run_matches("abc", "^b", message="no b")


@pytest.mark.parametrize("pattern", ["foo(?=bar)", "(?<!a)b", r"(ab)\1", "a(", "[", "a{2000}", "*"])
async def test_a_pattern_re2_does_not_take_is_refused(
    pattern: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValidationError, match="`pattern` is no pattern of RE2"):
        await run_matches("foobar", pattern)
    problems = check(matches, Source({"value": "x", "pattern": pattern}))
    assert [(each["path"], each["code"]) for each in problems] == [
        ("/steps/0/params/pattern", "INVALID_VALUE")
    ]
    assert "b'" not in problems[0]["message"]
    assert capfd.readouterr().err == ""


async def test_a_pattern_that_is_too_long_is_refused() -> None:
    with pytest.raises(LimitExceededError):
        await run_matches("a", "é" * 2049)
    problems = check(matches, Source({"value": "x", "pattern": "a" * 4097}))
    assert [each["code"] for each in problems] == ["LIMIT_EXCEEDED"]
    assert check(matches, Source({"value": "x", "pattern": "a" * 4096})) == []


def test_only_literal_patterns_are_checked_at_define() -> None:
    assert check(matches, Source({"pattern": "a(${{inputs.p}}"}, "pattern")) == []
    assert check(matches, Source({"value": "x"})) == []
    assert check(matches, Source({"pattern": 5})) == []


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "^(a|aa)+$", "(.*)*(.*)*(.*)*c", "(a?){500}a{500}c"]
)
async def test_no_pattern_takes_for_ever(pattern: str) -> None:
    started = time.perf_counter()
    with pytest.raises(AssertionFailedError):
        await run_matches("a" * 20_000 + "b", pattern)
    assert time.perf_counter() - started < GENEROUS


async def test_a_long_search_is_made_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    class Pattern:
        programsize = IN_PLACE_WORK

        def search(self, text: str) -> None:
            threads.append(threading.current_thread())

    monkeypatch.setattr("opcode_action_assert.matches._compile", lambda _: Pattern())
    for text in ("a", "ab"):
        with pytest.raises(AssertionFailedError):
            await run_matches(text, "x")
    assert [one is threading.main_thread() for one in threads] == [True, False]


async def test_a_search_that_could_take_too_long_is_refused() -> None:
    with pytest.raises(LimitExceededError, match="could take") as caught:
        await run_matches("ab" * 1_000_000, "[ab]*a[ab]{900}c")
    assert caught.value.details == {"limit": 1_000_000_000}


@pytest.mark.parametrize(
    ("model", "params", "location"),
    [
        (EqualsParams, {"expected": 1}, ("actual",)),
        (EqualsParams, {"expected": 1, "actual": 1, "msg": "x"}, ("msg",)),
        (EqualsParams, {"expected": 1, "actual": 1, "message": 5}, ("message",)),
        (ContainsParams, {"haystack": "x"}, ("needle",)),
        (MatchesParams, {"value": "x"}, ("pattern",)),
        (MatchesParams, {"value": "x", "pattern": 5}, ("pattern",)),
        (MatchesParams, {"value": ["x"], "pattern": "x"}, ("value",)),
    ],
)
def test_wrong_parameters_are_refused(model: Any, params: Any, location: tuple[str, ...]) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        model.model_validate(params)
    assert {line["loc"][0] for line in caught.value.errors()} == set(location)


def test_the_plugin_registers_its_four_actions_as_pure() -> None:
    registered: list[Action] = []
    plugin.opcode_register_actions(registered.append)
    names = ["assert.equals", "assert.contains", "assert.matches", "assert.schema"]
    assert [each.name for each in registered] == names
    assert all(each.effect is Effect.PURE and not each.secrets for each in registered)
    assert [each.in_place for each in registered] == [True, True, False, False]


def test_importing_the_plugin_imports_no_heavy_library() -> None:
    program = (
        "import sys, opcode_action_assert; "
        "print(sorted({'re2', 'jsonschema_rs', 'opcode_action_assert.schema'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ.get("PATH", "")},
    )
    assert done.stdout.strip() == "['opcode_action_assert.schema']"
