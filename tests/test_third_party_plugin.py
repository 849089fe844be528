"""A stranger's plugin, installed beside a part of OPCODE, works like a built-in one.

The package is `docs/examples/opcode-action-dice`, which the how-to shows too. It is installed by pip, from a copy, into
a fresh virtual environment together with the core and three plugins of this workspace, and nothing else of OPCODE:
there is no `shell`, `fs` or `http` there.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from elsewhere import EXAMPLE, call, make_environment


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the core, three plugins and the stranger's."""
    place = make_environment(tmp_path_factory)
    copy = place.folder / "opcode-action-dice"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    place.install(copy)
    return place.python


SCRIPT = """
    import asyncio, json
    from pathlib import Path
    from opcode_core.model.requests import DefineRequest, QueryRequest, RunRequest
    from opcode_core.opening import open_service
    from opcode_core.settings import Settings

    STEPS = [
        {"id": "throw", "action": "dice.roll", "params": {"dice": 3, "sides": 6}},
        {"id": "hash", "action": "crypto.hash", "params": {"data": "${{steps.throw.output}}"},
         "depends_on": ["throw"], "condition": "size(steps.throw.rolls) == 3"},
        {"id": "score", "type": "scoreboard", "depends_on": ["throw"],
         "config": {"players": {"ann": "${{steps.throw.rolls}}", "bob": [0]}}},
        {"id": "never", "action": "dice.roll", "depends_on": ["throw"],
         "condition": {"pips": "steps.throw.rolls > 18"}},
    ]

    async def use():
        async with open_service(Settings(db_path=Path("o.db").absolute())) as service:
            defined = await service.define(DefineRequest("game", {"steps": STEPS}, "agent"))
            ran = await service.run(RunRequest("game", "agent"))
            actions = await service.query(QueryRequest("actions"))
            unknown = {"steps": [
                {"id": "a", "action": "shell.exec", "params": {"command": "true"}},
                {"id": "b", "action": "http.get", "params": {"url": "https://example.com"}},
                {"id": "c", "action": "dice.rol"},
            ]}
            problems = [one.to_json() for one in await service.diagnose(unknown)]
        return {
            "defined": defined,
            "ran": ran,
            "actions": actions["actions"],
            "problems": problems,
            "plugins": [[one.name, one.distribution, one.version, one.status] for one in service.registry.records],
            "step_types": sorted(service.registry.step_types),
            "engines": service.registry.engine_names(),
        }

    print(json.dumps(asyncio.run(use())))
"""


@pytest.fixture(scope="module")
def answers(python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the product answers there."""
    shown = call(python, "-I", "-c", dedent(SCRIPT), cwd=tmp_path_factory.mktemp("use"))
    found: dict[str, Any] = json.loads(shown)
    return found


def test_it_is_found_with_its_distribution_and_version(answers: dict[str, Any]) -> None:
    assert answers["plugins"] == [
        ["cel", "opcode-expr-cel", "0.1.0", "loaded"],
        ["crypto", "opcode-action-crypto", "0.1.0", "loaded"],
        ["steps", "opcode-steps", "0.1.0", "loaded"],
        ["dice", "opcode-action-dice", "0.1.0", "loaded"],
    ]
    built_in = {"action", "condition", "loop", "parallel", "reasoning", "wait"}
    assert set(answers["step_types"]) - built_in == {"scoreboard"}
    assert answers["engines"] == ["cel", "pips"]


def test_its_action_step_type_and_engine_run(answers: dict[str, Any]) -> None:
    assert answers["defined"] == {"name": "game", "version": "v1"}
    ran = answers["ran"]
    assert ran["status"] == "completed", ran
    throw = ran["steps"]["throw"]["output"]
    assert len(throw["rolls"]) == 3
    assert ran["steps"]["score"]["output"] == {
        "totals": {"ann": throw["total"], "bob": 0},
        "winner": "ann",
    }
    assert ran["steps"]["hash"]["status"] == "completed"
    assert ran["steps"]["never"]["status"] == "skipped"


def test_its_action_is_listed_with_schemas_and_documentation(answers: dict[str, Any]) -> None:
    listed = {one["name"]: one for one in answers["actions"]}
    assert sorted(listed) == ["crypto.hash", "crypto.hmac", "crypto.uuid", "dice.roll"]
    roll = listed["dice.roll"]
    assert (roll["plugin"], roll["effect"]) == ("dice", "pure")
    assert roll["description"].startswith("Throw dice.")
    assert roll["params"]["properties"]["sides"]["default"] == 6
    assert set(roll["output"]["properties"]) == {"rolls", "total"}


def test_what_is_not_installed_there_is_unknown_there(answers: dict[str, Any]) -> None:
    problems = answers["problems"]
    assert [(one["path"], one["code"]) for one in problems] == [
        ("/steps/0/action", "ACTION_UNAVAILABLE"),
        ("/steps/1/action", "ACTION_UNAVAILABLE"),
        ("/steps/2/action", "ACTION_UNAVAILABLE"),
    ]
    assert "is not installed: the package `opcode-action-shell` brings it" in problems[0]["message"]
    assert "is not installed: the package `opcode-action-http` brings it" in problems[1]["message"]
    assert problems[2]["hint"] == "did you mean `dice.roll`?"


def test_the_examples_own_tests_and_the_contract_suite_pass_there(
    python: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "opcode-action-dice"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", "src"))
    shown = call(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=copy)
    assert re.search(r"\b2\d passed", shown), shown
