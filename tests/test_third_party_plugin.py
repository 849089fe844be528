"""A stranger's plugin, installed beside a part of OPCODE, works like a built-in one.

The package is `docs/examples/opcode-action-dice`, which the how-to shows too. It is installed by pip, from a copy, into
a fresh virtual environment together with the core and three plugins of this workspace, and nothing else of OPCODE:
there is no `shell`, `fs` or `http` there.

No network is needed. The environment gets links to the third-party packages this interpreter has, exactly those that
the six packages, the build backend and pytest name as their dependencies, directly or not; the workspace's own editable
packages are not among them. pip then runs with `--no-index` and without build isolation, and with its resolver on: a
dependency that a package forgot to name is missing there, and the test fails.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "opcode-action-dice"
WORKSPACE = [
    ROOT / "opcode",
    *(ROOT / "plugins" / f"opcode-{name}" for name in ("steps", "expr-cel", "action-crypto")),
]


def dependencies(wanted: list[Requirement]) -> list[importlib.metadata.Distribution]:
    """The installed distributions that requirements lead to, directly or not, without those of this workspace."""
    found: dict[str, importlib.metadata.Distribution] = {}
    seen: set[tuple[str, str]] = set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) in seen or name.startswith("opcode-"):
                continue
            seen.add((name, extra))
            found[name] = importlib.metadata.distribution(name)
            below = [Requirement(text) for text in found[name].requires or []]
            wanted += [
                one for one in below if not one.marker or one.marker.evaluate({"extra": extra})
            ]
    return list(found.values())


def required() -> list[Requirement]:
    """What the packages under test name as their dependencies, and the tools."""
    texts = ["hatchling", "pytest"]
    for folder in (*WORKSPACE, EXAMPLE):
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        texts += project["dependencies"]
    return [Requirement(text) for text in texts]


def link(distribution: importlib.metadata.Distribution, target: Path) -> None:
    """Link what a distribution put at the top of site-packages."""
    for file in distribution.files or []:
        top = file.parts[0]
        if top not in ("..", "__pycache__") and not (target / top).exists():
            (target / top).symlink_to(Path(str(distribution.locate_file(top))).resolve())


def call(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed, with nothing of this process's Python in its environment."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "OPCODE_", "PIP_", "UV_", "PYTEST_", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**environment, "HOME": str(cwd), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the core, three plugins and the stranger's."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    interpreter = environment / "bin" / "python"
    show = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(call(interpreter, "-c", show, cwd=folder).strip())
    for distribution in dependencies(required()):
        link(distribution, site)
    copy = folder / "opcode-action-dice"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    quiet = ("--no-input", "--disable-pip-version-check", "--no-cache-dir")
    pip = (sys.executable, "-m", "pip", "--python", interpreter, "install", *quiet)
    call(*pip, "--no-index", "--no-build-isolation", *WORKSPACE, copy, cwd=folder)
    return interpreter


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
    assert problems[0]["message"].startswith("there is no action `shell.exec`")
    assert problems[1]["message"].startswith("there is no action `http.get`")
    assert problems[2]["hint"] == "did you mean `dice.roll`?"


def test_the_examples_own_tests_pass_there(python: Path, tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    shutil.copytree(EXAMPLE / "tests", tests, ignore=shutil.ignore_patterns("__pycache__"))
    shown = call(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, cwd=tmp_path)
    assert " passed" in shown
