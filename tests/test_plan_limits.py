"""Limits of definitions, and how long large ones take."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from opcode_core.model.problems import Problem
from opcode_core.model.requests import DefineRequest, QueryRequest
from opcode_core.opening import open_service
from opcode_core.plan.compile import Diagnosis, diagnose
from opcode_core.plan.problems import MOST
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Limits, Settings

MAX_STEPS, MAX_DEFINITION_BYTES = Limits().steps, Limits().definition_bytes
GENEROUS = 15.0
"""Seconds a diagnosis may take here: it is to take less than two on a machine that does nothing else."""
MANY = 600
"""How many mistakes are made at once: more than are shown."""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings(plugins_allow=("steps", "cel", "crypto")))


def step(number: int, *depends_on: int, **members: Any) -> dict[str, Any]:
    targets = {"depends_on": [f"step-{target}" for target in depends_on]} if depends_on else {}
    return {"id": f"step-{number}", "action": "crypto.uuid", **targets, **members}


def in_a_row(count: int) -> dict[str, Any]:
    return {"steps": [step(n, *([n - 1] if n else [])) for n in range(count)]}


def side_by_side(count: int) -> dict[str, Any]:
    return {"steps": [step(n) for n in range(count)]}


def backwards(definition: dict[str, Any]) -> dict[str, Any]:
    return {"steps": definition["steps"][::-1]}


def everybody_reads_everybody(count: int) -> dict[str, Any]:
    def reader(number: int) -> dict[str, Any]:
        params = {"data": [f"${{{{steps.step-{n}.output}}}}" for n in range(number)]}
        return step(number, *range(number), action="crypto.hash", params=params)

    return {"steps": [step(0), *(reader(n) for n in range(1, count))]}


def timed(definition: Any, registry: Registry) -> Diagnosis:
    begin = time.perf_counter()
    diagnosis = diagnose(definition, registry)
    assert time.perf_counter() - begin < GENEROUS
    return diagnosis


@pytest.mark.parametrize(
    "definition",
    [
        in_a_row(MAX_STEPS),
        backwards(in_a_row(MAX_STEPS)),
        side_by_side(MAX_STEPS),
        {
            "steps": [
                step(0),
                *(step(n, 0) for n in range(1, MAX_STEPS - 1)),
                step(99999, *range(MAX_STEPS - 1)),
            ]
        },
        {"steps": [step(n, *range(n)) for n in range(600)]},
        backwards({"steps": [step(n, *range(n)) for n in range(600)]}),
        everybody_reads_everybody(250),
    ],
    ids=[
        "in a row",
        "in a row backwards",
        "side by side",
        "fan",
        "dense",
        "dense backwards",
        "reads",
    ],
)
def test_large_definitions_are_diagnosed_quickly(
    registry: Registry, definition: dict[str, Any]
) -> None:
    assert timed(definition, registry).problems == []


@pytest.mark.parametrize(
    "make",
    [
        lambda n: step(n, depends_on=[f"stop-{n}"]),
        lambda n: step(n, action="crypto.uiid"),
        lambda n: step(n, acton="x"),
        lambda n: step(n, action="crypto.hash", params={"data": f"${{{{steps.stop-{n}.output}}}}"}),
        lambda n: step(n, on_error={"strategy": "fallback_step", "fallback_step": f"stop-{n}"}),
        lambda n: step(n % 2),
        lambda n: step(
            n, action="crypto.hash", params={"data": f"${{{{steps.step-{(n + 1) % MANY}.output}}}}"}
        ),
        lambda n: step(n, (n + 1) % MANY),
    ],
    ids=["dependencies", "actions", "fields", "references", "fallbacks", "ids", "order", "cycle"],
)
def test_many_mistakes_are_diagnosed_quickly_too(registry: Registry, make: Any) -> None:
    begin = time.perf_counter()
    problems = diagnose({"steps": [make(n) for n in range(MANY)]}, registry).problems
    assert time.perf_counter() - begin < 15.0
    assert 0 < len(problems) <= MOST + 1


@pytest.mark.parametrize("where", ["definition", "step", "params"])
def test_many_unknown_members_of_one_object_are_diagnosed_quickly(
    registry: Registry, where: str
) -> None:
    unknown = {f"unknown-{n}": n for n in range(30_000)}
    definition = {
        "definition": {"steps": [step(0)], **unknown},
        "step": {"steps": [step(0, **unknown)]},
        "params": {"steps": [step(0, params=unknown)]},
    }[where]
    begin = time.perf_counter()
    assert len(diagnose(definition, registry).problems) == MOST + 1
    assert time.perf_counter() - begin < 15.0


def test_problems_beyond_the_most_are_counted(registry: Registry) -> None:
    definition = {"steps": [{"id": f"s{n}", "action": "crypto.uuid", "x": 1} for n in range(600)]}
    problems = diagnose(definition, registry).problems
    assert len(problems) == MOST + 1
    assert (problems[-1].code, problems[-1].message[:16]) == ("LIMIT_EXCEEDED", "100 more problem")


def only(definition: Any, registry: Registry) -> Problem:
    (problem,) = timed(definition, registry).problems
    return problem


def test_more_steps_than_allowed_are_refused(registry: Registry) -> None:
    problem = only(side_by_side(MAX_STEPS + 1), registry)
    assert (problem.path, problem.code) == ("/steps", "LIMIT_EXCEEDED")
    assert "10001 steps are too many: at most 10000" in problem.message


def of_bytes(size: int) -> dict[str, Any]:
    """A definition whose JSON has this many bytes."""
    definition = {"steps": [step(0)], "metadata": {"text": ""}}
    empty = len('{"steps":[{"id":"step-0","action":"crypto.uuid"}],"metadata":{"text":""}}')
    return {**definition, "metadata": {"text": "x" * (size - empty)}}


def test_the_size_of_a_definition_is_limited_in_bytes(registry: Registry) -> None:
    assert timed(of_bytes(MAX_DEFINITION_BYTES), registry).plan is not None
    problem = only(of_bytes(MAX_DEFINITION_BYTES + 1), registry)
    assert (problem.path, problem.code) == ("", "LIMIT_EXCEEDED")
    assert "4194305 bytes" in problem.message
    wide = {"steps": [step(0)], "metadata": {"text": "€" * (MAX_DEFINITION_BYTES // 3)}}
    assert only(wide, registry).code == "LIMIT_EXCEEDED"


def deep(depth: int) -> Any:
    """A value that is nested so deep."""
    value: Any = "${{inputs.x}}"
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def test_the_depth_of_a_definition_is_limited(registry: Registry) -> None:
    def of_depth(depth: int) -> dict[str, Any]:
        return {"steps": [step(0)], "metadata": {"x": deep(depth - 2)}}

    assert timed(of_depth(128), registry).plan is not None
    problem = only(of_depth(129), registry)
    assert (problem.path, problem.code) == ("", "LIMIT_EXCEEDED")
    assert "128 levels" in problem.message


def test_the_depth_of_a_value_is_limited(registry: Registry) -> None:
    def of_depth(depth: int) -> dict[str, Any]:
        return {"steps": [step(0, action="crypto.hash", params={"data": deep(depth)})]}

    assert timed(of_depth(64), registry).plan is not None
    problem = only(of_depth(65), registry)
    assert problem.path.startswith("/steps/0/params/data/")
    assert problem.code == "LIMIT_EXCEEDED"
    assert "64 levels" in problem.message


def test_the_deepest_steps_fit_into_the_depth_of_a_definition(registry: Registry) -> None:
    """Sixteen parallel steps, one inside the other, with the deepest value in the innermost."""
    inner: Any = step(0, action="crypto.hash", params={"data": deep(60)})
    for level in range(1, 16):
        inner = {"id": f"p{level}", "type": "parallel", "config": {"branches": [[inner]]}}
    assert timed({"steps": [inner]}, registry).plan is not None


def nested(depth: int, innermost: Any = None) -> Any:
    value = innermost
    for level in range(depth):
        value = [value] if level % 2 else {"steps": value}
    return value


@pytest.mark.parametrize("depth", [130, 1000, 5000, 100_000])
def test_no_depth_of_python_objects_is_too_much(registry: Registry, depth: int) -> None:
    for definition in (
        nested(depth),
        {"steps": [step(0, params=nested(depth))]},
        {"steps": [step(0)], "output": nested(depth)},
        {"steps": [step(0)], "inputs": {"x": nested(depth)}},
    ):
        assert only(definition, registry).code == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), "\ud800", 2**64, -(2**63) - 1, {1: 2}, {1, 2}, b"x"]
)
def test_what_json_cannot_hold_is_refused(registry: Registry, value: Any) -> None:
    problem = only({"steps": [step(0, params={"a": value})]}, registry)
    assert (problem.path, problem.code) == ("", "INVALID_VALUE")
    assert "not JSON" in problem.message


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_a_large_definition_keeps_nobody_waiting(registry: Registry, tmp_path: Path) -> None:
    """While one client defines ten thousand steps, another one is answered."""
    settings = Settings(db_path=tmp_path / "o.db", durability="normal")
    async with open_service(settings, registry=registry) as service:
        request = DefineRequest("large", in_a_row(MAX_STEPS), "agent")
        defining = asyncio.create_task(service.define(request))
        longest, begin = 0.0, time.perf_counter()
        while not defining.done():
            await service.query(QueryRequest("templates"))
            now = time.perf_counter()
            longest, begin = max(longest, now - begin), now
        assert (await defining)["version"] == "v1"
        assert longest < 1.0
