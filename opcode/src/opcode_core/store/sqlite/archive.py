"""Templates with all their versions: read for an export, stored by an import (`TemplateArchive`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import groupby

from opcode_core.jsonio import compact_json
from opcode_core.model.definition import TemplateVersion
from opcode_core.store.protocol import ImportedAs, ImportedVersion, NewTemplate
from opcode_core.store.sqlite import templates
from opcode_core.store.sqlite.database import Database
from opcode_core.store.sqlite.job_rows import keep_jobs


class SqliteArchive:
    """The templates of a database.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_all(self, names: Sequence[str]) -> list[TemplateVersion]:
        """All versions of the templates of these names, or of all; by name, the oldest first."""
        where = "WHERE name IN (SELECT value FROM json_each(?))" if names else "WHERE ? IS NOT NULL"
        rows = await self._database.read(
            f"SELECT {templates.COLUMNS} FROM templates {where} ORDER BY name, number",
            [compact_json(list(names))],
        )
        return [templates.read_template(row) for row in rows]

    async def add_all(self, versions: Sequence[ImportedVersion]) -> list[ImportedAs]:
        """Store versions in one transaction; see `TemplateArchive`."""
        return await self._database.transaction(_adding(versions))


def _adding(
    versions: Sequence[ImportedVersion],
) -> Callable[[sqlite3.Connection], list[ImportedAs]]:
    def run(connection: sqlite3.Connection) -> list[ImportedAs]:
        done: list[ImportedAs] = []
        for _, several in groupby(versions, key=lambda version: version.template.name):
            done += _add_template(connection, list(several))
        return done

    return run


def _add_template(
    connection: sqlite3.Connection, versions: Sequence[ImportedVersion]
) -> list[ImportedAs]:
    name = versions[0].template.name
    stored = dict(
        connection.execute(
            "SELECT number, definition || coalesce(input_schema, '-') || coalesce(output_schema, '-') || "
            "coalesce(triggers, '-') FROM templates WHERE name = ?",
            (name,),
        )
    )
    done: list[ImportedAs] = []
    anew = False
    for version in versions:
        said = _said(version.template)
        if not anew and stored.get(version.number) == said:
            done.append(ImportedAs(name, version.number, version.number, new=False))
            continue
        anew = anew or version.number in stored
        number = max(stored) + 1 if anew else version.number
        connection.execute(
            f"INSERT INTO templates ({templates.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (name, number, *templates.values_of(version.template)),
        )
        stored[number] = said
        done.append(ImportedAs(name, version.number, number, new=True))
    last = versions[-1].template
    if done[-1].new and done[-1].stored == max(stored):
        keep_jobs(connection, name, last.jobs, last.agent_id, last.created_at)
    return done


def _said(template: NewTemplate) -> str:
    """What makes a version another one, as the statement above reads it of the stored ones."""
    definition, *others = templates.values_of(template)[:4]
    return str(definition) + "".join("-" if text is None else str(text) for text in others)
