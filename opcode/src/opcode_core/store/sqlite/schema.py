"""The schema: scripts in `migrations/`, run in their order, all that are missing in one transaction."""

from __future__ import annotations

import sqlite3
from functools import cache
from importlib import resources

from opcode_core import crashpoints

APPLICATION_ID = 0x4F50434F
"""What marks a database as ours: `OPCO` in ASCII (https://sqlite.org/pragma.html#pragma_application_id)."""


@cache
def scripts() -> tuple[str, ...]:
    """The scripts, the oldest first."""
    folder = resources.files(__package__) / "migrations"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    return tuple(file.read_text(encoding="utf-8") for file in files)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database up to date, inside the caller's transaction."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for script in scripts()[version:]:
        for statement in _statements(script):
            connection.execute(statement)
        crashpoints.point("migrating")
    connection.execute(f"PRAGMA user_version={len(scripts())}")
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


def _statements(script: str) -> list[str]:
    """Split a script, so that it can run inside one transaction (`executescript` would commit first)."""
    statements, current = [], ""
    for line in script.splitlines():
        current += line + "\n"
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements
