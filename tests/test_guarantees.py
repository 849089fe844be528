"""The page of guarantees names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "explanation" / "guarantees.md"
NAMED = re.compile(r"`(test_\w+)::(test_\w+)`")


def test_every_test_the_page_names_exists() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 25
    missing = [
        f"{module}::{function}"
        for module, function in named
        if f"def {function}(" not in (TESTS / f"{module}.py").read_text(encoding="utf-8")
    ]
    assert missing == []


def test_every_row_of_the_page_names_one() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    said = [
        row for row in rows if not row.startswith(("| ---", "| guarantee", "| what |", "| effect"))
    ]
    assert [row for row in said if not NAMED.search(row)] == []
