"""The files of a new plugin; `{name}` and its like are put in by `new_plugin`."""

from __future__ import annotations

from collections.abc import Mapping

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "opcode-action-{dashed}"
version = "0.1.0"
description = "The actions `{name}.*` for OPCODE workflows"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["opcode-core>=0.1,<0.2", "pydantic>=2.14"]

[project.optional-dependencies]
test = ["opcode-core[testing]>=0.1,<0.2", "opcode-steps>=0.1,<0.2"]

[project.entry-points.opcode]
{name} = "{package}"

[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
testpaths = ["tests"]
opcode_contract = ["{package}"] # what every action owes whoever uses it, checked for each of yours
"""

_README = """\
# opcode-action-{dashed}

Actions for OPCODE workflows.

| action | parameters | what it gives |
|---|---|---|
| `{name}.hello` | `who` (required), `times` (1) | `{text: "Hello, Ann!"}` |

    pip install -e ".[test]"
    opcode actions {name}.hello
    python -m pytest
"""

_INIT = '''\
"""The actions `{name}.*` for OPCODE workflows."""

from __future__ import annotations

from opcode_core import ActionRegistrar, hookimpl

from {package}.hello import hello


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the actions."""
    register(hello)
'''

_HELLO = '''\
"""`{name}.hello`."""

from __future__ import annotations

from opcode_core import Effect, Output, Params, action
from pydantic import Field


class HelloParams(Params):
    """What `{name}.hello` takes."""

    who: str = Field(description="Whom to greet.")
    times: int = Field(default=1, ge=1, le=9, description="How often.")


class HelloOutput(Output):
    """What `{name}.hello` gives."""

    text: str = Field(description="The greeting.")


@action("{name}.hello", effect=Effect.PURE)
def hello(params: HelloParams) -> HelloOutput:
    """Greet somebody.

    The first line of this text is shown in lists, all of it where the action is described.
    """
    return HelloOutput(text=" ".join([f"Hello, {params.who}!"] * params.times))
'''

_TESTS = '''\
"""What `{name}.hello` does; that it keeps the contract is tested by the line in pyproject.toml."""

from __future__ import annotations

import {package} as plugin
from {package}.hello import hello
from opcode_core.testing import ActionRunner, run_definition


def test_it_greets() -> None:
    with ActionRunner(hello) as runner:
        assert runner.run({"who": "Ann", "times": 2}).output == {"text": "Hello, Ann! Hello, Ann!"}


def test_what_is_wrong_is_told_when_a_workflow_is_defined() -> None:
    with ActionRunner(hello) as runner:
        problems = runner.problems({"times": 0})
    assert {(one.path, one.code) for one in problems} == {
        ("/who", "MISSING_FIELD"),
        ("/times", "INVALID_VALUE"),
    }


def test_it_is_a_step_of_a_workflow() -> None:
    steps = [{"id": "greet", "action": "{name}.hello", "params": {"who": "${{inputs.who}}"}}]
    ran = run_definition({"steps": steps}, {"who": "Bob"}, plugins=[plugin])
    assert ran.status == "completed"
    assert ran.output_of("greet") == {"text": "Hello, Bob!"}
'''

FILES: Mapping[str, str] = {
    "pyproject.toml": _PYPROJECT,
    "README.md": _README,
    "src/{package}/__init__.py": _INIT,
    "src/{package}/hello.py": _HELLO,
    "src/{package}/py.typed": "",
    "tests/test_{name}.py": _TESTS,
}
"""Path → content."""
