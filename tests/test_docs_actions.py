"""The reference of the actions is what the code says of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import RESERVED
from opcode_core.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "reference" / "actions"
ACTIONS = sorted(load_plugins(Settings(plugins_allow=tuple(RESERVED.values()))).actions)


def generate(script: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script), *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_pages_are_what_would_be_written_now() -> None:
    done = generate(ROOT / "docs" / "generate_actions.py", "--check")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_a_page_that_drifts_is_noticed_and_written_anew(tmp_path: Path) -> None:
    script = tmp_path / "generate_actions.py"
    script.write_bytes((ROOT / "docs" / "generate_actions.py").read_bytes())
    pages = tmp_path / "reference" / "actions"
    pages.mkdir(parents=True)
    for page in PAGES.glob("*.md"):
        (pages / page.name).write_bytes(page.read_bytes())
    text = (pages / "crypto.md").read_text(encoding="utf-8")
    (pages / "crypto.md").write_text(text.replace("sha384", "sha3"), encoding="utf-8")
    (pages / "magic.md").write_text("# Actions of magic\n", encoding="utf-8")
    done = generate(script, "--check")
    assert done.returncode == 1
    assert re.findall(r"\w+\.md", done.stdout) == ["crypto.md", "magic.md"]
    assert generate(script).returncode == 0
    assert {page.name: page.read_bytes() for page in pages.iterdir()} == {
        page.name: page.read_bytes() for page in PAGES.iterdir()
    }


def test_there_are_24_actions_and_expr_eval() -> None:
    assert len(ACTIONS) == 25
    assert "expr.eval" in ACTIONS


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_has_its_section_and_its_line(name: str) -> None:
    page = (PAGES / f"{name.partition('.')[0]}.md").read_text(encoding="utf-8")
    assert f"\n## {name}\n" in page
    assert f"[{name}]" in (PAGES / "README.md").read_text(encoding="utf-8")
