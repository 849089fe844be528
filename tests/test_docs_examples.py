"""Code shown in the documentation is the code of the examples, and JSON shown there is what it says it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from opcode_core.jsonio import parse_json
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.settings import Settings, load_settings

DOCS = Path(__file__).parents[1] / "docs"
INCLUDED = re.compile(r"<!-- (\.\./examples/\S+) -->\n```\w+\n(.*?)```\n", re.DOTALL)
DEFINITION = re.compile(r"<!-- a definition -->\n```json\n(.*?)```\n", re.DOTALL)
SETTINGS = re.compile(r"```toml\n(.*?)```\n", re.DOTALL)


def included() -> list[Any]:
    return [
        pytest.param(page, path, text, id=f"{page.name}-{Path(path).name}")
        for page in sorted(DOCS.rglob("*.md"))
        for path, text in INCLUDED.findall(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("page", "path", "text"), included())
def test_code_in_a_page_is_the_code_of_the_example(page: Path, path: str, text: str) -> None:
    assert (page.parent / path).read_text(encoding="utf-8") == text


def test_every_module_of_the_example_is_shown_by_the_how_to() -> None:
    example = DOCS / "examples" / "opcode-action-dice"
    shown = {path for _, path, _ in (one.values for one in included()) if example.name in path}
    files = [*example.rglob("*.py"), example / "pyproject.toml"]
    assert {f"../{file.relative_to(DOCS)}" for file in files} == shown


@pytest.mark.parametrize(
    "text", DEFINITION.findall((DOCS / "reference" / "definitions.md").read_text(encoding="utf-8"))
)
def test_the_definitions_of_the_reference_are_accepted(text: str) -> None:
    registry = load_plugins(Settings(plugins_allow=("steps", "cel", "crypto", "workflow")))
    assert diagnose(parse_json(text), registry).problems == []


def test_the_settings_of_the_reference_are_read(tmp_path: Path) -> None:
    page = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    (text,) = SETTINGS.findall(page)
    (tmp_path / "opcode.toml").write_text(text, encoding="utf-8")
    found = load_settings({"OPCODE_DB_PATH": str(tmp_path / "o.db")})
    assert found.plugins_disable
    assert found.actions_deny


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_inside_the_documentation_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / target).exists(), target
