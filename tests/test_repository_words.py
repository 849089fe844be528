"""The repository speaks of the product alone: of no machine it was written on, and of no package index."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PASSING = {".git", "dist", "build", "results", "__pycache__"}  # made by tools, never committed

# Each is put together here, so that this file does not hold what it looks for.
FORBIDDEN = {
    "the path of a machine": re.compile("/" + r"(work|root|farm|opt)/\w"),
    "a home folder": re.compile("/" + r"(home|Users)/(?!me/|you/)\w"),
    "the address of a package index": re.compile(r"://[^\s\"'<>]+/" + r"(simple|packages)\b"),
    "the name of a package index": re.compile(
        "|".join(("pypi" + r"\.org", "python" + "hosted", "npm" + r"js\.org"))
    ),
    "the setting of a package index": re.compile("index" + "-url|" + "find" + "-links"),
}


def repository_files() -> list[Path]:
    """What is committed or about to be; in a copy without git, everything that tools did not make."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and (ROOT / ".git").exists():
        return [
            ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()
        ]
    return [path for path in ROOT.rglob("*") if path.is_file() and not made_by_a_tool(path)]


def made_by_a_tool(path: Path) -> bool:
    """Whether a file stands in a folder that is not committed."""
    folders = path.relative_to(ROOT).parts[:-1]
    return any(name in PASSING or (name[0] == "." and name != ".ci") for name in folders)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in repository_files()
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").split("\n"), 1
        )
        if FORBIDDEN[what].search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("the path of a machine", "see " + "/" + "root/notes"),
        ("a home folder", "/" + "home/somebody/x"),
        ("the address of a package index", "https://mirror.example/" + "simple/"),
        ("the name of a package index", "files.python" + "hosted.org"),
        ("the setting of a package index", "--extra-" + "index-" + "url=x"),
    ],
)
def test_each_pattern_finds_what_it_is_for(what: str, line: str) -> None:
    assert FORBIDDEN[what].search(line)


def test_the_search_reaches_the_whole_repository() -> None:
    names = {str(path.relative_to(ROOT)) for path in repository_files()}
    assert {
        "README.md",
        "pyproject.toml",
        ".ci/run",
        "opcode/pyproject.toml",
        "requirements/dev.lock",
    } <= names
    assert not any(name.startswith((".venv", ".git/")) for name in names)
