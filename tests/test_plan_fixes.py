"""All problems in one answer, and patches that mend what they say they mend."""

from __future__ import annotations

from typing import Any

import pytest
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings
from plan_patches import apply


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings(plugins_allow=("steps", "cel", "crypto", "workflow")))


MANY_MISTAKES: dict[str, Any] = {
    "steps": [
        {"id": "fetch", "acton": "crypto.uuid"},
        {"id": "hash", "action": "crypto.hsah", "params": {"data": 1}, "depends_on": "fetch"},
        {
            "id": "mac",
            "action": "crypto.hmac",
            "params": {"data": "${{steps.fetch.output.uuid}}", "key": 5, "algorithm": "sha-256"},
            "timeout": 30,
        },
        {
            "id": "log",
            "action": "workflow.log",
            "params": {"mesage": "mac: ${{stpes.mac.output}}"},
            "depends_on": ["fetch", "fetch", "macc"],
            "retry": {"max": 3, "backof": "linear"},
        },
    ],
    "metdata": {},
}


def test_every_mistake_of_a_definition_is_told_in_one_answer(registry: Registry) -> None:
    problems = diagnose(MANY_MISTAKES, registry).problems
    assert sorted((p.path, p.code) for p in problems) == sorted(
        [
            ("/metdata", "UNKNOWN_FIELD"),
            ("/steps/0/acton", "UNKNOWN_FIELD"),
            ("/steps/1/action", "ACTION_UNAVAILABLE"),
            ("/steps/1/depends_on", "WRONG_TYPE"),
            ("/steps/2/params/data", "NOT_SETTLED"),
            ("/steps/2/params/key", "WRONG_TYPE"),
            ("/steps/2/params/algorithm", "INVALID_VALUE"),
            ("/steps/2/timeout", "BAD_DURATION"),
            ("/steps/3/params/mesage", "UNKNOWN_FIELD"),
            ("/steps/3/params/mesage", "UNKNOWN_REFERENCE"),
            ("/steps/3/depends_on/1", "INVALID_VALUE"),
            ("/steps/3/depends_on/2", "UNKNOWN_STEP"),
            ("/steps/3/retry/backof", "UNKNOWN_FIELD"),
        ]
    )
    misspelt = {"acton", "metdata", "mesage", "backof"}
    for problem in problems:
        if problem.path.rpartition("/")[2] in misspelt and problem.code == "UNKNOWN_FIELD":
            assert problem.hint is not None


def test_a_hint_for_every_misspelling_of_a_known_name(registry: Registry) -> None:
    definition = {
        "steps": [
            {"id": "first", "action": "crypto.uidd"},
            {"id": "b", "type": "actoin", "action": "crypto.uuid"},
            {"id": "c", "action": "crypto.uuid", "depends_on": ["frist"]},
            {"id": "d", "action": "crypto.uuid", "on_error": {"strategy": "ignor"}},
            {"id": "e", "action": "crypto.uuid", "retry": {"max": 1, "backoff": "liner"}},
            {"id": "f", "action": "crypto.hash", "params": {"data": 1, "algoritm": "md5"}},
            {"id": "g", "action": "crypto.hash", "params": {"data": 1, "algorithm": "sha265"}},
            {"id": "h", "action": "crypto.hash", "params": {"data": "${{inpust.x}}"}},
            {"id": "i", "action": "crypto.hash", "params": {"data": "${{steps.frist.output}}"}},
            {"id": "j", "action": "crypto.hash", "params": {"data": "${{workflow.run_ids}}"}},
            {"id": "k", "action": "crypto.uuid", "timout": "1s"},
        ],
        "meta-data": {},
        "schedule": "levle",
    }
    problems = diagnose(definition, registry).problems
    assert len(problems) == 13
    assert [p.path for p in problems if not (p.hint or "").startswith("did you mean `")] == []


FIXABLE: dict[str, dict[str, Any]] = {
    "misspelt names": {
        "steps": [
            {"id": "a", "acton": "crypto.uuid"},
            {
                "id": "b",
                "action": "crypto.hsah",
                "parms": {"data": "${{steps.a.output}}"},
                "dependson": ["a"],
                "retry": {"max": 2, "backof": "linear"},
            },
        ],
        "metdata": {},
    },
    "dependencies": {
        "steps": [
            {"id": "a", "action": "crypto.uuid", "depends_on": ["a"]},
            {"id": "second", "action": "crypto.uuid", "depends_on": "a"},
            {
                "id": "third",
                "action": "crypto.uuid",
                "depends_on": ["second", "second", "secnod", "a"],
            },
        ]
    },
    "steps that are read but not waited for": {
        "steps": [
            {"id": "a", "action": "crypto.uuid"},
            {"id": "b", "action": "crypto.uuid"},
            {
                "id": "c",
                "action": "crypto.hash",
                "params": {"data": "${{steps.a.output}}"},
                "depends_on": ["b"],
            },
            {"id": "d", "action": "crypto.hash", "params": {"data": "${{steps.c.output}}"}},
        ]
    },
    "texts without quotes": {
        "steps": [
            {"id": "a", "action": "crypto.hmac", "params": {"data": 1, "key": 12.0}},
            {"id": "b", "action": "crypto.hmac", "params": {"data": 1, "key": True}},
        ]
    },
    "values and fallbacks": {
        "steps": [
            {
                "id": "a",
                "action": "crypto.hash",
                "params": {"data": 1, "algorithm": "sha265"},
                "on_error": {"strategy": "fallback-step", "fallback_step": "spar"},
            },
            {"id": "spare", "type": "acton", "action": "crypto.uuid"},
        ],
        "schedule": "levels",
    },
    "dependencies that are missing, twice and misspelt": {
        "steps": [
            {"id": "first", "action": "crypto.uuid"},
            {"id": "second", "action": "crypto.uuid"},
            {"id": "third", "action": "crypto.uuid"},
            {
                "id": "last",
                "action": "crypto.hash",
                "depends_on": ["frist", "frist", "last", "second", "second"],
                "params": {"data": "${{steps.first.output}}${{steps.third.output}}"},
                "condition": "steps.third.status == 'completed' && steps.second.uuid != ''",
            },
        ]
    },
    "short forms": {
        "steps": [
            {"id": "a", "action": "crypto.uuid", "retry": 3, "on_error": "ignore"},
            {"id": "b", "action": "crypto.uuid", "condition": True},
        ]
    },
    "references": {
        "steps": [
            {"id": "make", "action": "crypto.uuid"},
            {
                "id": "use",
                "action": "workflow.log",
                "depends_on": ["make"],
                "params": {
                    "message": "${{step.make.output.uuid}} ${{steps.mkae.uuid}} ${{make.uuid}} "
                    "${{steps.make.output.uid}} ${{steps.make.result.uuid}} ${{steps.make.outptu}} "
                    "${{workflow.runid}} ${{ steps.make.output.uudi + 'x' }} ${{ make.uuid + 'y' }}"
                },
                "condition": "steps.make.output.uuidd != ''",
            },
        ],
        "output": ["${{steps.make.uid}}", "${{steps['make'].output['uid']}}"],
    },
    "nested steps": {
        "steps": [
            {"id": "n", "action": "crypto.uuid"},
            {
                "id": "each",
                "type": "loop",
                "config": {
                    "mode": "foreach",
                    "ovr": [1],
                    "body": {
                        "id": "inner",
                        "action": "crypto.hsah",
                        "params": {"data": "${{loop.itme}} ${{steps.n.uuid}}"},
                    },
                },
            },
            {
                "id": "ask",
                "type": "reasoning",
                "config": {
                    "prompt": "go?",
                    "options": ["yes", "no"],
                    "fallback": "yess",
                    "timeout": "1h",
                },
            },
        ]
    },
    "several steps read at once": {
        "steps": [
            {"id": "a", "action": "crypto.uuid"},
            {"id": "b", "action": "crypto.uuid"},
            {
                "id": "c",
                "action": "crypto.hash",
                "params": {"data": "${{steps.a.output}}${{steps.b.output}}"},
            },
        ]
    },
}


@pytest.mark.parametrize("name", FIXABLE)
def test_applying_one_fix_after_another_gives_a_definition_that_is_accepted(
    registry: Registry, name: str
) -> None:
    definition = FIXABLE[name]
    for _ in range(20):
        diagnosis = diagnose(definition, registry)
        if diagnosis.plan is not None:
            return
        fix = next(problem.fix for problem in diagnosis.problems if problem.fix is not None)
        definition = apply(definition, fix)
    pytest.fail(f"still refused: {definition}")


TOGETHER = [
    "misspelt names",
    "texts without quotes",
    "dependencies that are missing, twice and misspelt",
    "steps that are read but not waited for",
    "short forms",
    "references",
    "several steps read at once",
]


@pytest.mark.parametrize("name", TOGETHER)
def test_applying_all_fixes_of_one_answer_together_gives_a_definition_that_is_accepted(
    registry: Registry, name: str
) -> None:
    definition = FIXABLE[name]
    for problem in diagnose(definition, registry).problems:
        definition = apply(definition, problem.fix or ())
    assert diagnose(definition, registry).problems == []


NO_CERTAIN_FIX: list[dict[str, Any]] = [
    {"id": 7},
    {"action": 7},
    {"type": True},
    {"retry": {"max": 1, "backoff": 2}},
    {"timout": "1s", "timeuot": "2s"},
]


@pytest.mark.parametrize("members", NO_CERTAIN_FIX)
def test_there_is_no_fix_where_it_would_lead_to_the_next_problem(
    registry: Registry, members: dict[str, Any]
) -> None:
    definition = {"steps": [{"id": "a", "action": "crypto.uuid", **members}]}
    fixes = [problem.fix for problem in diagnose(definition, registry).problems if problem.fix]
    for fix in fixes:
        definition = apply(definition, fix)
    assert fixes == [] or diagnose(definition, registry).problems == []


def test_a_fix_never_overwrites_what_is_there(registry: Registry) -> None:
    step = {"id": "a", "action": "crypto.uuid", "parms": {}, "params": {}}
    (problem,) = diagnose({"steps": [step]}, registry).problems
    assert problem.hint == "did you mean `params`?"
    assert problem.fix is None
