"""The register of promises, read from `promises.toml`, which says what its members mean."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence that somebody may rely on.

    Attributes:
        id: What marks and reports call it: `area.subject`.
        source: Where it was promised: the page and its section.
        text: The promise, in our words.
        tests: Tests that would fail if it were broken, each `module::function`; names of test files are unique.
        cases: Black-box cases that hold the server to it, each a line of `conformance.txt`.
        gap: Why nothing proves it; empty for a promise that is kept.
    """

    id: str
    source: str
    text: str
    tests: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    gap: str = ""


def read_register(path: Path) -> list[Promise]:
    """The promises of a register, in its order.

    Args:
        path: The TOML file.

    Raises:
        TypeError: If a promise has a member there is none of, or lacks one.
    """
    rows: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["promise"]
    for row in rows:
        for name in row.keys() & {"tests", "cases"}:
            row[name] = tuple(row[name])
    return [Promise(**row) for row in rows]


PROMISES = read_register(Path(__file__).with_name("promises.toml"))
