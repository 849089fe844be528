"""The order of steps: dependencies, cycles, levels, ancestors, fallback steps."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from opcode_core.errors import ValidationError
from opcode_core.model.problems import Problem
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings(plugins_allow=("steps", "crypto")))


def steps(**depends_on: Any) -> dict[str, Any]:
    """A definition of steps with these ids and dependencies."""
    return {
        "steps": [
            {"id": name, "action": "crypto.uuid", "depends_on": targets}
            for name, targets in depends_on.items()
        ]
    }


def found(registry: Registry, definition: Any) -> list[Problem]:
    return diagnose(definition, registry).problems


def levels(registry: Registry, definition: Any) -> list[list[str]]:
    plan = diagnose(definition, registry).plan
    assert plan is not None
    return [[step.id for step in level] for level in plan.steps.levels]


def test_levels_follow_dependencies_and_keep_the_order_of_the_definition(
    registry: Registry,
) -> None:
    definition = steps(d=["b", "c"], b=["a"], c=["a"], a=[], z=[], e=["z", "d"])
    assert levels(registry, definition) == [["a", "z"], ["b", "c"], ["d"], ["e"]]


def test_the_last_steps_are_those_nobody_depends_on(registry: Registry) -> None:
    plan = diagnose(steps(a=[], b=["a"], c=["a"], d=["c"]), registry).plan
    assert plan is not None
    assert plan.steps.last == ("b", "d")


@pytest.mark.parametrize(
    ("targets", "path", "code", "hint"),
    [
        ("b", "", "WRONG_TYPE", "write it in brackets"),
        (None, "", "WRONG_TYPE", None),
        ([1], "/0", "WRONG_TYPE", None),
        ([None], "/0", "WRONG_TYPE", None),
        (["b", ["b"]], "/1", "WRONG_TYPE", None),
        (["secnod"], "/0", "UNKNOWN_STEP", "did you mean `second`?"),
        (["nowhere"], "/0", "UNKNOWN_STEP", None),
        ([""], "/0", "UNKNOWN_STEP", None),
        (["a"], "/0", "CYCLE_DETECTED", None),
        (["b", "b"], "/1", "INVALID_VALUE", None),
    ],
)
def test_dependencies_that_cannot_be(
    registry: Registry, targets: Any, path: str, code: str, hint: str | None
) -> None:
    problems = found(registry, steps(a=targets, b=[], second=[]))
    assert [(p.path, p.code, p.hint) for p in problems] == [
        (f"/steps/0/depends_on{path}", code, hint)
    ]


@pytest.mark.parametrize(
    ("graph", "printed"),
    [
        ({"a": ["b"], "b": ["a"]}, "a -> b -> a"),
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, "a -> b -> c -> a"),
        ({"x": [], "a": ["x", "b"], "b": ["c"], "c": ["b"]}, "b -> c -> b"),
    ],
)
def test_a_cycle_is_printed_and_stands_at_one_of_its_steps(
    registry: Registry, graph: dict[str, list[str]], printed: str
) -> None:
    problems = found(registry, steps(**graph))
    assert [p.code for p in problems] == ["CYCLE_DETECTED"]
    assert problems[0].message.endswith(printed)
    first = printed.partition(" -> ")[0]
    assert problems[0].path == f"/steps/{list(graph).index(first)}/depends_on"


def test_cycles_that_do_not_touch_are_all_reported_and_knots_once(registry: Registry) -> None:
    graph = {"a": ["b"], "b": ["a"], "x": ["y"], "y": ["z"], "z": ["x", "y"]}
    problems = found(registry, steps(**graph))
    assert [p.code for p in problems] == ["CYCLE_DETECTED"] * 2


def fallback(step: str, spare: Any, **more: Any) -> dict[str, Any]:
    handler = {"strategy": "fallback_step", "fallback_step": spare}
    return {"id": step, "action": "crypto.uuid", "on_error": handler} | more


@pytest.mark.parametrize(
    ("handler", "code", "hint"),
    [
        ({"strategy": "fallback_step"}, "MISSING_FIELD", None),
        ({"strategy": "fallback_step", "fallback_step": "a"}, "INVALID_VALUE", None),
        (
            {"strategy": "fallback_step", "fallback_step": "spaer"},
            "UNKNOWN_STEP",
            "did you mean `spare`?",
        ),
        ({"strategy": "fallback_step", "fallback_step": "nowhere"}, "UNKNOWN_STEP", None),
        ({"strategy": "fallback_step", "fallback_step": None}, "WRONG_TYPE", None),
    ],
)
def test_a_fallback_step_exists_and_is_another_one(
    registry: Registry, handler: dict[str, Any], code: str, hint: str | None
) -> None:
    definition = {
        "steps": [
            {"id": "a", "action": "crypto.uuid", "on_error": handler},
            {"id": "spare", "action": "crypto.uuid"},
        ]
    }
    problems = [p for p in found(registry, definition) if p.code == code]
    assert [(p.path, p.hint) for p in problems] == [("/steps/0/on_error/fallback_step", hint)]


@pytest.mark.parametrize("step_id", ["a", "", "1", None, 5])
def test_a_fallback_of_a_step_whose_id_cannot_be_used_is_checked_all_the_same(
    registry: Registry, step_id: Any
) -> None:
    definition = {"steps": [{"id": "a", "action": "crypto.uuid"}, fallback(step_id, "a")]}
    assert [p.path for p in found(registry, definition)] == ["/steps/1/id"]


def test_a_fallback_step_is_in_no_level_and_is_settled_with_its_primary(
    registry: Registry,
) -> None:
    definition = {
        "steps": [
            fallback("a", "spare"),
            {"id": "spare", "action": "crypto.hash", "params": {"data": "${{steps.a.error}}"}},
            {
                "id": "after",
                "action": "crypto.hash",
                "depends_on": ["spare"],
                "params": {"data": "${{steps.spare.output}}${{steps.a.status}}"},
            },
            {
                "id": "reader",
                "action": "crypto.hash",
                "depends_on": ["a"],
                "params": {"data": "${{steps.spare.status}}"},
            },
        ]
    }
    assert found(registry, definition) == []
    assert levels(registry, definition) == [["a"], ["after", "reader"]]
    plan = diagnose(definition, registry).plan
    assert plan is not None
    assert plan.steps.fallbacks == {"spare": ("a",)}
    assert plan.steps.last == ("after", "reader")


def test_one_fallback_may_stand_in_for_several_and_is_settled_after_all_of_them(
    registry: Registry,
) -> None:
    def read(*depends_on: str) -> list[str]:
        reader = {
            "id": "reader",
            "action": "crypto.hash",
            "depends_on": list(depends_on),
            "params": {"data": "${{steps.spare.output}}"},
        }
        spare = {"id": "spare", "action": "crypto.uuid"}
        definition = {"steps": [fallback("a", "spare"), fallback("b", "spare"), spare, reader]}
        return [p.code for p in found(registry, definition)]

    assert read("a", "b") == []
    assert read("a") == ["NOT_SETTLED"]


def test_a_chain_of_fallbacks_is_fine_and_a_ring_is_a_cycle(registry: Registry) -> None:
    chain = [fallback("a", "b"), fallback("b", "c"), {"id": "c", "action": "crypto.uuid"}]
    assert levels(registry, {"steps": chain}) == [["a"]]
    ring = [fallback("a", "b"), fallback("b", "c"), fallback("c", "a")]
    assert [p.code for p in found(registry, {"steps": ring})] == ["CYCLE_DETECTED"]


def test_a_step_that_waits_for_its_own_fallback_is_a_cycle(registry: Registry) -> None:
    spare = {"id": "spare", "action": "crypto.uuid"}
    definition = {"steps": [fallback("a", "spare", depends_on=["spare"]), spare]}
    assert [p.code for p in found(registry, definition)] == ["CYCLE_DETECTED"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_what_a_fallback_depends_on_is_settled_before_it_runs(
    registry: Registry, tmp_path: Path
) -> None:
    """`spare` is needed as soon as `a` fails, when `late`, which comes after `b`, has not even begun."""
    seen = {"data": "${{steps.late.status}}"}
    definition = {
        "steps": [
            fallback("a", "spare", action="crypto.hash", params={"data": "${{inputs.nowhere}}"}),
            {"id": "b", "action": "crypto.uuid"},
            {"id": "late", "action": "crypto.uuid", "depends_on": ["b"]},
            {"id": "spare", "action": "crypto.hash", "depends_on": ["late"], "params": seen},
        ]
    }
    settings = Settings(db_path=tmp_path / "o.db", durability="normal")
    async with open_service(settings, registry=registry) as service:
        try:
            await service.define(DefineRequest("t", definition, "agent"))
        except ValidationError:
            return  # refusing it keeps the promise too
        answer = await service.run(RunRequest("t", "agent"))
    digest = hashlib.sha256(b"completed").hexdigest()
    assert answer["steps"]["spare"]["output"]["hash"] == digest


def test_a_cycle_through_a_fallback_stands_at_a_member_that_is_there(registry: Registry) -> None:
    def step(name: str, fallback: str, **more: Any) -> dict[str, Any]:
        on_error = {"strategy": "fallback_step", "fallback_step": fallback}
        return {"id": name, "action": "crypto.uuid", "on_error": on_error, **more}

    (problem,) = found(
        registry,
        {"steps": [{"id": "a", "action": "crypto.uuid"}, step("b", "a", depends_on=["a"])]},
    )
    assert (problem.code, problem.path) == ("CYCLE_DETECTED", "/steps/1/depends_on")
    (problem,) = found(registry, {"steps": [step("a", "b"), step("b", "a")]})
    assert problem.path.endswith("/on_error/fallback_step")
