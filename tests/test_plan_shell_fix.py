"""A reference in the text of a shell: where it is told, and what its fix makes of the command."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings
from plan_patches import apply, at

HOSTILE = "a  b'\"`echo x`$(echo y) * ; echo z #\\"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(Settings(plugins_allow=("steps", "cel", "shell", "crypto")))


def script(command: str) -> dict[str, Any]:
    return {"id": "s", "action": "shell.exec", "params": {"command": command, "shell": True}}


AROUND: dict[str, tuple[Any, list[str]]] = {
    "loop": ({"mode": "for_each", "over": [1], "body": None}, ["body", "0"]),
    "condition": ({"expression": "inputs.x", "branches": {"a/b": None}}, ["branches", "a~1b", "0"]),
    "parallel": ({"branches": [None]}, ["branches", "0", "0"]),
}


def filled(value: Any, steps: list[Any]) -> Any:
    if isinstance(value, dict):
        return {
            name: steps if below is None else filled(below, steps) for name, below in value.items()
        }
    return [steps] if value == [None] else value


@pytest.mark.parametrize("kind", AROUND)
def test_it_is_told_and_mended_in_nested_steps_too(registry: Registry, kind: str) -> None:
    config, path = AROUND[kind]
    step = {"id": "x", "type": kind, "config": filled(config, [script("echo ${{inputs.a}}")])}
    definition = {"steps": [step]}
    (problem,) = diagnose(definition, registry).problems
    where = "/".join(["/steps/0/config", *path, "params/command"])
    assert (problem.path, problem.code) == (where, "SHELL_INTERPOLATION")
    mended = apply(definition, problem.fix)
    assert diagnose(mended, registry).problems == []


@pytest.mark.parametrize(
    ("command", "prints"),
    [
        ("printf '[%s]' ${{inputs.a}}", "[{0}]"),
        ('printf "[%s]" "<${{inputs.a}}>"', "[<{0}>]"),
        ("printf '[%s]' '<${{inputs.a}}>'", "[<{0}>]"),
        ("printf '[%s]' \"it's ${{inputs.a}}\" ${{inputs.a}}", "[it's {0}][{0}]"),
        ("printf '[%s]' \\\"${{inputs.a}}\\\"", '["{0}"]'),
        ("printf '[%s]' ${{ inputs['}}'] }}", "[{0}]"),
    ],
)
def test_the_mended_command_takes_any_value_as_one_word(
    registry: Registry, command: str, prints: str
) -> None:
    definition = {"steps": [script(command)]}
    (problem,) = diagnose(definition, registry).problems
    mended = apply(definition, problem.fix)
    assert diagnose(mended, registry).problems == []
    params = at(mended, ["steps", "0", "params"])
    assert all(value.startswith("${{") and value.endswith("}}") for value in params["env"].values())
    env = dict.fromkeys(params["env"], HOSTILE)
    done = subprocess.run(
        ["/bin/sh", "-c", params["command"]], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == prints.replace("{0}", HOSTILE)


def test_a_reference_that_cannot_be_read_is_one_problem(registry: Registry) -> None:
    (problem,) = diagnose({"steps": [script("echo ${{inputs.a")]}, registry).problems
    assert problem.code == "BAD_REFERENCE"
