"""assert.schema: errors with pointers, no requests, bounded work."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic
import pytest
from opcode_action_assert import schema as module, validation, worker
from opcode_action_assert.schema import SchemaParams, schema
from opcode_core import (
    AssertionFailedError,
    ExecutionError,
    LimitExceededError,
    ValidationError,
    weigh,
    weigh_compiling,
)

GENEROUS = 30.0
"""Seconds: what is bounded never takes so long, however busy the machine is; what is not takes far longer."""


async def run_schema(data: Any, against: Any, **more: Any) -> Any:
    params = SchemaParams.model_validate({"data": data, "schema": against, **more})
    return (await schema.run(params)).model_dump(by_alias=True)


async def errors_of(data: Any, against: Any) -> list[dict[str, str]]:
    with pytest.raises(AssertionFailedError) as caught:
        await run_schema(data, against)
    assert caught.value.details is not None
    errors: list[dict[str, str]] = caught.value.details["errors"]
    return errors


class Source:
    """An action step as a definition has it."""

    pointer = "/steps/3/params"

    def __init__(self, params: Mapping[str, Any], *references: str) -> None:
        self.params = params
        self._references = references

    def references(self, *path: str | int) -> bool:
        return path[0] in self._references


def problems_of(against: Any, *references: str) -> list[tuple[str, str]]:
    assert schema.check is not None
    source = Source({"data": {}, "schema": against}, *references)
    problems = schema.check(source)  # type: ignore[arg-type] # a fake
    return [(problem.path, problem.code) for problem in problems]


def doubling(levels: int, keyword: str = "allOf") -> dict[str, Any]:
    definitions: dict[str, Any] = {
        f"d{n}": {keyword: [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)
    }
    definitions[f"d{levels}"] = {"type": "integer"}
    return {"$defs": definitions, "$ref": "#/$defs/d0"}


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The questions that were answered by a process of its own."""
    asked: list[bytes] = []
    real = worker.check_elsewhere

    async def check(question: bytes) -> Any:
        asked.append(question)
        return await real(question)

    monkeypatch.setattr(worker, "check_elsewhere", check)
    return asked


PERSON = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0}, "mail": {"format": "email"}},
    "required": ["age"],
}
TREE = {
    "$defs": {"node": {"properties": {"below": {"items": {"$ref": "#/$defs/node"}}}}},
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    ("data", "against"),
    [
        ({"age": 30, "mail": "a@example.com"}, PERSON),
        (1.0, {"type": "integer"}),
        (None, True),
        (5, {}),
        ([1, 2], {"prefixItems": [{"const": 1}], "items": {"type": "integer"}}),
        ({"a": 1}, {"$defs": {"n": {"type": "object"}}, "$ref": "#/$defs/n"}),
        (1, {"$id": "https://example.com/s", "$ref": "item", "$defs": {"i": {"$id": "item"}}}),
        ({"below": [{"below": []}]}, TREE),
        (1, {"$ref": "#"}),
        ({"type": "object"}, {"$ref": "https://json-schema.org/draft/2020-12/schema"}),
        ("Grüße", {"pattern": r"^\p{Letter}+$"}),
    ],
)
async def test_valid_data_passes(data: Any, against: Any) -> None:
    assert await run_schema(data, against) == {"pass": True}
    assert problems_of(against) == []


async def test_errors_lead_to_the_place_and_hold_no_value() -> None:
    people = {"properties": {"people": {"items": PERSON}}}
    errors = await errors_of({"people": [{"age": 1}, {"age": "hush-hush"}, {}, 7]}, people)
    assert [each["path"] for each in errors] == ["/people/1/age", "/people/2", "/people/3"]
    assert "hush" not in str(errors)
    assert errors[0]["message"] == 'the value is not of type "integer"'


async def test_the_message_says_where_first_and_the_authors_own_wins() -> None:
    with pytest.raises(AssertionFailedError, match="`data` does not match `schema` at /age: "):
        await run_schema({"age": "x"}, PERSON)
    with pytest.raises(AssertionFailedError, match=r"^no person$"):
        await run_schema({"age": "x"}, PERSON, message="no person")


async def test_pointers_are_escaped() -> None:
    errors = await errors_of(
        {"a/b": {"~": 1}}, {"additionalProperties": {"properties": {"~": False}}}
    )
    assert [each["path"] for each in errors] == ["/a~1b/~0"]


async def test_false_accepts_nothing_and_formats_are_checked() -> None:
    assert await errors_of(1, False)
    assert await errors_of({"age": 1, "mail": "nobody"}, PERSON)
    assert await errors_of("24:61", {"format": "time"})
    assert await run_schema("x", {"format": "a-format-of-ours"}) == {"pass": True}


async def test_at_most_a_hundred_errors_are_listed() -> None:
    for count, truncated in ((100, None), (101, True), (100_000, True)):
        with pytest.raises(AssertionFailedError) as caught:
            await run_schema(["x"] * count, {"items": {"type": "integer"}})
        assert caught.value.details is not None
        assert len(caught.value.details["errors"]) == 100
        assert caught.value.details.get("truncated") is truncated


@pytest.mark.parametrize(
    ("against", "path"),
    [
        ({"type": "nope"}, "/type"),
        ({"properties": {"a/b": {"minimum": "x"}}}, "/properties/a~1b/minimum"),
        ({"$ref": "#/nowhere"}, "/$ref"),
        ({"allOf": [{"$ref": "#lost"}]}, "/allOf/0/$ref"),
        ({"items": {"pattern": "a(?=b)"}}, "/items/pattern"),
        ({"pattern": r"(a)\1"}, "/pattern"),
        ({"patternProperties": {"(": {}}}, "/patternProperties/("),
        ({"pattern": "((a{1,100}){1,100}){1,100}"}, "/pattern"),
    ],
)
async def test_an_unusable_schema_is_refused_at_define_and_at_run(against: Any, path: str) -> None:
    assert problems_of(against) == [("/steps/3/params/schema" + path, "BAD_SCHEMA")]
    with pytest.raises(ValidationError, match="`schema` cannot be used") as caught:
        await run_schema({}, against)
    assert caught.value.details is not None
    assert [each["path"] for each in caught.value.details["issues"]] == ["/schema" + path]


def test_only_literal_schemas_are_checked_at_define() -> None:
    assert problems_of({"type": "${{inputs.t}}"}, "schema") == []
    assert problems_of("no schema") == []


@pytest.mark.parametrize("value", ["{}", 5, None, []])
def test_a_schema_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        SchemaParams.model_validate({"data": 1, "schema": value})
    assert {line["loc"][0] for line in caught.value.errors()} == {"schema"}


@pytest.fixture
def listener() -> Iterator[tuple[int, list[Any]]]:
    """A port, and the connections made to it."""
    server = socket.create_server(("127.0.0.1", 0))
    connections: list[Any] = []

    def accept() -> None:
        while True:
            try:
                connection, peer = server.accept()
            except OSError:
                return
            connections.append(peer)
            connection.close()

    thread = threading.Thread(target=accept)
    thread.start()
    yield server.getsockname()[1], connections
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


@pytest.mark.parametrize(
    "make",
    [
        lambda url: {"$ref": url},
        lambda url: {"properties": {"x": {"$ref": f"{url}#/a"}}},
        lambda url: {"allOf": [{"$dynamicRef": url}]},
        lambda url: {"$id": url, "$ref": "other.json"},
        lambda url: {"$defs": {"a": {"$id": url, "$ref": "b"}}},
        lambda url: {"$schema": url, "$ref": "other.json"},
        lambda _: {"$ref": "file:///etc/hostname"},
        lambda _: {"$ref": "other.json"},
        lambda _: {"$ref": "urn:example:x"},
        lambda url: {**doubling(20), "not": {"$ref": url}},
    ],
)
async def test_a_schema_that_leads_elsewhere_is_refused_and_nobody_is_asked(
    make: Any, listener: tuple[int, list[Any]]
) -> None:
    port, connections = listener
    against = make(f"http://127.0.0.1:{port}/s.json?token=hush")
    with pytest.raises(ValidationError, match="leads out of the schema") as caught:
        await run_schema({}, against)
    assert "hush" not in str(caught.value.to_json())
    assert connections == []


async def test_a_foreign_meta_schema_is_not_fetched(listener: tuple[int, list[Any]]) -> None:
    port, connections = listener
    against = {"$schema": f"http://127.0.0.1:{port}/meta", "type": "integer"}
    assert await run_schema(1, against) == {"pass": True}
    assert connections == []


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|aa)+$", "^(a|a)*$"])
async def test_no_pattern_takes_for_ever(pattern: str) -> None:
    started = time.perf_counter()
    assert await errors_of("a" * 20_000 + "b", {"pattern": pattern})
    assert time.perf_counter() - started < GENEROUS


async def test_ordinary_schemas_are_checked_in_place(elsewhere: list[bytes]) -> None:
    people = [{"age": n, "mail": "a@example.com"} for n in range(1000)]
    assert await run_schema(people, {"items": PERSON}) == {"pass": True}
    shared = {"$defs": {"p": PERSON}, "items": {"$ref": "#/$defs/p"}}
    assert await run_schema(people, shared) == {"pass": True}
    assert await errors_of({"age": -1}, PERSON)
    assert elsewhere == []


async def test_recursive_schemas_and_large_data_are_checked_elsewhere_with_the_same_result(
    elsewhere: list[bytes],
) -> None:
    assert await run_schema({"below": []}, TREE) == {"pass": True}
    assert [
        each["path"]
        for each in await errors_of(
            {"below": [{"below": 1}, 2]}, {**TREE, "items": False, "type": "array"}
        )
    ] == [""]
    rows = [{"age": n} for n in range(100_000)]
    assert await run_schema(rows, {"items": PERSON}) == {"pass": True}
    rows[70_000] = {"age": "x"}  # type: ignore[dict-item] # the mistake to be found
    assert [each["path"] for each in await errors_of(rows, {"items": PERSON})] == ["/70000/age"]
    assert len(elsewhere) == 4


async def test_keyword_uniqueitems_is_quick() -> None:
    started = time.perf_counter()
    items = [{"n": n} for n in range(4000)]
    assert await run_schema(items, {"uniqueItems": True}) == {"pass": True}
    assert time.perf_counter() - started < GENEROUS


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
async def test_references_that_double_are_bounded_and_the_loop_stays_free(
    keyword: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MAX_SECONDS", 1)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.01)

    turning = asyncio.ensure_future(turn())
    started = time.perf_counter()
    with pytest.raises(LimitExceededError, match="too much time or memory"):
        await run_schema(1 if keyword != "anyOf" else "x", doubling(40, keyword))
    assert time.perf_counter() - started < GENEROUS
    assert turns > 1
    turning.cancel()


async def test_references_that_double_in_the_compiler_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "MAX_SECONDS", 1)
    against = doubling(40)
    for each in against["$defs"].values():
        each["unevaluatedProperties"] = False
    started = time.perf_counter()
    assert problems_of(against) == []
    with pytest.raises(LimitExceededError):
        await run_schema({}, against)
    assert time.perf_counter() - started < GENEROUS


async def test_what_is_known_is_said_when_listing_takes_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "MAX_SECONDS", 1)
    with pytest.raises(AssertionFailedError) as caught:
        await run_schema("x", doubling(22))
    assert caught.value.details is not None
    assert "takes too much time" in caught.value.details["errors"][0]["message"]
    assert caught.value.details["truncated"] is True


async def test_a_cancelled_check_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started = asyncio.Event()
    processes: list[asyncio.subprocess.Process] = []
    real = worker._converse

    async def converse(process: asyncio.subprocess.Process, question: bytes) -> Any:
        processes.append(process)
        started.set()
        return await real(process, question)

    monkeypatch.setattr(worker, "_converse", converse)
    check = asyncio.ensure_future(run_schema(1, doubling(40)))
    await started.wait()
    check.cancel()
    with pytest.raises(asyncio.CancelledError):
        await check
    assert processes[0].returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(processes[0].pid, 0)


async def test_a_process_that_cannot_be_started_is_an_error_of_the_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ExecutionError, match="cannot be started"):
        await run_schema(1, doubling(20))


async def test_a_process_that_dies_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LimitExceededError):
        await run_schema(["x"] * 100_000, {"$ref": "#", "type": "integer"})


async def test_many_patterns_are_compiled_elsewhere(elsewhere: list[bytes]) -> None:
    many = {"anyOf": [{"pattern": f"^a{{1,{n}}}$"} for n in range(1, 30)]}
    assert problems_of(many) == []
    assert await run_schema("aaa", many) == {"pass": True}
    assert len(elsewhere) == 1


def test_weight_counts_references_each_time() -> None:
    assert weigh({"type": "integer"}, 1000) == 2
    assert weigh(doubling(3), 1000) > 2**4
    assert weigh(doubling(3), 1000) < weigh(doubling(4), 1000) < 1000
    assert weigh({"pattern": "a"}, 10_000) > 1000
    flat = {"allOf": [{"unevaluatedProperties": False}]}
    assert weigh({"unevaluatedProperties": False, **flat}, 1000) > weigh(flat, 1000)


@pytest.mark.parametrize(
    "against",
    [
        doubling(40),
        {"$ref": "#"},
        TREE,
        {"$ref": "elsewhere"},
        {"$ref": "#/nowhere"},
        {"$ref": "#anchor", "$defs": {"a": {"$anchor": "anchor"}}},
        {"$defs": {"a": {"$id": "a"}}},
        {"enum": list(range(2000))},
        {
            "$defs": {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(500)},
            "$ref": "#/$defs/d0",
        },
    ],
)
def test_weight_is_infinite_where_it_cannot_be_known_or_is_too_much(against: Any) -> None:
    assert math.isinf(weigh(against, 1000))


def test_references_count_in_compiling_only_where_the_compiler_follows_them() -> None:
    assert weigh_compiling(doubling(40), 1000) < 1000
    assert weigh_compiling(TREE, 1000) < 1000
    closed = {**PERSON, "unevaluatedProperties": False}
    assert weigh_compiling(closed, 1000) < 1000
    assert math.isinf(weigh_compiling({**doubling(40), "unevaluatedProperties": False}, 1000))
    assert math.isinf(weigh_compiling({"enum": list(range(2000))}, 1000))


def test_weight_reads_pointers_as_they_are_written() -> None:
    against = {
        "$defs": {"a/b": {"x~y": [True, {"type": "integer"}]}},
        "$ref": "#/$defs/a~1b/x~0y/1",
        "not": {"$ref": "#/$defs/a%7E1b/x~0y/0"},
    }
    assert weigh(against, 1000) < 100


async def test_the_same_schema_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []

    def compile_schema(value: Any) -> Any:
        compiled.append(value)
        return validation.compile_schema(value)

    monkeypatch.setattr(module, "compile_schema", compile_schema)
    for number in range(5):
        await run_schema(number, {"type": "integer", "title": "the same, five times"})
    assert len(compiled) == 1
