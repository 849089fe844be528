"""The table of templates: a row a version, numbered by the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from opcode_core.jsonio import compact_json, read_json
from opcode_core.model.definition import TemplateVersion
from opcode_core.moments import iso_time
from opcode_core.store.protocol import NewTemplate
from opcode_core.store.sqlite.job_rows import keep_jobs

COLUMNS = "name, number, definition, input_schema, output_schema, triggers, description, agent_id, created_at"


def values_of(template: NewTemplate) -> tuple[Any, ...]:
    """The values of a new version's row, in the order of `COLUMNS`, from `definition` on."""
    return (
        compact_json(template.definition),
        *(
            None if value is None else compact_json(value)
            for value in (template.input_schema, template.output_schema, template.triggers)
        ),
        template.description,
        template.agent_id,
        template.created_at,
    )


def adding(template: NewTemplate) -> Callable[[sqlite3.Connection], str]:
    """The transaction that stores a new version under the next number, and makes its jobs the template's."""
    values = values_of(template)

    def run(connection: sqlite3.Connection) -> str:
        (number,) = connection.execute(
            f"INSERT INTO templates ({COLUMNS}) "
            "SELECT ?, coalesce(max(number), 0) + 1, ?, ?, ?, ?, ?, ?, ? FROM templates WHERE name = ? "
            "RETURNING number",
            (template.name, *values, template.name),
        ).fetchone()
        keep_jobs(connection, template.name, template.jobs, template.agent_id, template.created_at)
        return f"v{number}"

    return run


def finding(name: str, version: str | None) -> tuple[str, list[Any]] | None:
    """The statement that reads a version, the latest by default; None when the version cannot be one."""
    if version is None:
        return f"SELECT {COLUMNS} FROM templates WHERE name = ? ORDER BY number DESC LIMIT 1", [
            name
        ]
    digits = version.removeprefix("v")
    if version == digits or not digits.isascii() or not digits.isdigit() or len(digits) > 15:  # noqa: PLR2004
        return None
    return f"SELECT {COLUMNS} FROM templates WHERE name = ? AND number = ?", [name, int(digits)]


def read_template(row: tuple[Any, ...]) -> TemplateVersion:
    """A version of its stored row, in the order of `COLUMNS`."""
    (
        name,
        number,
        definition,
        input_schema,
        output_schema,
        triggers,
        description,
        agent_id,
        created_at,
    ) = row
    return TemplateVersion(
        name=name,
        version=f"v{number}",
        definition=read_json(definition),
        input_schema=_read(input_schema),
        output_schema=_read(output_schema),
        triggers=_read(triggers),
        description=description,
        agent_id=agent_id,
        created_at=created_at,
    )


def _read(text: str | None) -> Any:
    return None if text is None else read_json(text)


def shown(row: tuple[Any, ...]) -> dict[str, Any]:
    """The row as an agent sees it."""
    version = read_template(row)
    return {
        "name": version.name,
        "version": version.version,
        "description": version.description,
        "definition": version.definition,
        "input_schema": version.input_schema,
        "output_schema": version.output_schema,
        "triggers": version.triggers,
        "agent_id": version.agent_id,
        "created_at": iso_time(version.created_at),
    }
