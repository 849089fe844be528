"""Environments with the core and a part of its plugins, as a stranger has them.

No network is needed. An environment gets links to the third-party packages this interpreter has, exactly those that the
core, three plugins of this workspace, the example, the build backend and pytest name as their dependencies, directly or
not; the workspace's own editable packages are not among them. pip then runs with `--no-index` and without build
isolation, and with its resolver on: a dependency that a package forgot to name is missing there, and the test fails.

The first environment is made, the others are copies of it.
"""

from __future__ import annotations

import importlib.metadata
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "opcode-action-dice"
WORKSPACE = [
    ROOT / "opcode",
    *(ROOT / "plugins" / f"opcode-{name}" for name in ("steps", "expr-cel", "action-crypto")),
]
_FIRST: list[Path] = []


@dataclass(frozen=True)
class Elsewhere:
    """An environment.

    Attributes:
        folder: A folder to work in; the environment is below it.
    """

    folder: Path

    @property
    def programs(self) -> Path:
        """Where its programs are: `python`, `opcode`, and a `pip` that knows no index."""
        return self.folder / "environment" / "bin"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.programs / "python"

    def install(self, *packages: str | Path) -> None:
        """Install packages."""
        call(self.programs / "pip", "install", *packages, cwd=self.folder)


def make_environment(factory: pytest.TempPathFactory) -> Elsewhere:
    """An environment with the core and three plugins, for one module of tests."""
    if not _FIRST:
        _FIRST.append(_make_first(factory.mktemp("first")).folder)
    made = Elsewhere(factory.mktemp("elsewhere"))
    first = _FIRST[0] / "environment"
    shutil.copytree(first, made.programs.parent, symlinks=True)
    for program in made.programs.iterdir():
        if not program.is_symlink() and program.is_file():
            text = program.read_text(encoding="utf-8")
            program.write_text(
                text.replace(str(first), str(made.programs.parent)), encoding="utf-8"
            )
    return made


def _make_first(folder: Path) -> Elsewhere:
    made = Elsewhere(folder)
    venv.create(folder / "environment", symlinks=True)
    show = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(call(made.python, "-c", show, cwd=folder).strip())
    for distribution in dependencies(required()):
        link(distribution, site)
    quiet = "--no-input --disable-pip-version-check --no-cache-dir --no-index --no-build-isolation"
    pip = made.programs / "pip"
    pip.write_text(
        f"#!/bin/sh\nshift\nexec {shlex.quote(sys.executable)} -m pip --python "
        f'{shlex.quote(str(made.python))} install {quiet} "$@"\n',
        encoding="utf-8",
    )
    pip.chmod(0o755)
    made.install(*WORKSPACE)
    return made


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
    texts = ["hatchling", "editables", "pytest"]
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


def surroundings(home: Path, path: Path | None = None) -> dict[str, str]:
    """The environment variables of a command that knows nothing of this process's Python.

    Args:
        home: Its home.
        path: A folder in which programs are looked for first.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "OPCODE_", "PIP_", "UV_", "PYTEST_", "VIRTUAL_ENV"))
    }
    if path is not None:
        kept["PATH"] = f"{path}{os.pathsep}{kept['PATH']}"
    return {**kept, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


def call(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    """Run a command that must succeed, with nothing of this process's Python in its environment.

    Args:
        command: The command and its arguments.
        cwd: Where it runs; its home too.
        path: A folder in which programs are looked for first.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=surroundings(cwd, path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
