"""`opcode gc`, `backup`, `export` and `import`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from opcode_core.cli.asking import ask, command_settings
from opcode_core.cli.listing import cell, table
from opcode_core.cli.text import BAD_USAGE, console, print_json, stop, stop_for
from opcode_core.errors import OpcodeError
from opcode_core.jsonio import parse_json


def delete_old(older_than: str, *, dry_run: bool, as_json: bool) -> None:
    """Delete the workflows that ended so long ago."""
    told = ask(command_settings(), "gc", older_than=older_than, dry_run=dry_run)
    if as_json:
        print_json(told)
        return
    verb = "would be deleted" if dry_run else "deleted"
    console().print(
        cell(
            f"{told['workflows']} workflows, {told['events']} events, {told['decisions']} decisions {verb} "
            f"(ended before {told['ended_before']})"
        )
    )


def back_up_database(file: str, *, as_json: bool) -> None:
    """Copy the database, whether or not a server runs on it."""
    from opcode_core.store.sqlite.backup import back_up

    settings = command_settings()
    try:
        told = back_up(settings.db_path, Path(file).absolute())
    except OpcodeError as error:
        stop_for(error)
    if as_json:
        print_json(told)
        return
    console().print(
        cell(
            f"{told['file']}: {told['bytes']} bytes, {told['workflows']} workflows, {told['events']} events, "
            f"{told['templates']} template versions, {told['jobs']} jobs"
        )
    )


def export_templates(names: tuple[str, ...]) -> None:
    """Write templates with all their versions."""
    print_json(ask(command_settings(), "export", names=list(names)))


def import_templates(file: str, *, as_json: bool) -> None:
    """Store templates that were exported; all of them, or none."""
    document = _read(file)
    told = ask(command_settings(existing=False), "import", document=document)
    if as_json:
        print_json(told)
        return
    shown = table("name", "version", "stored as")
    for version in told["versions"]:
        as_what = version["stored"] if version["new"] else f"{version['stored']} (was here)"
        shown.add_row(cell(version["name"], "bold"), cell(version["version"]), cell(as_what))
    console().print(shown)


def _read(file: str) -> Any:
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return parse_json(text)
    except OSError as error:
        stop(f"{file} cannot be read: {error.strerror}", BAD_USAGE)
    except OpcodeError as error:
        stop(f"{file}: {error.message}", BAD_USAGE)
