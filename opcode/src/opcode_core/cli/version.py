"""`opcode version`."""

from __future__ import annotations

import importlib.metadata
import platform
import sqlite3
import sys

from opcode_core.cli.text import print_json


def core_version() -> str:
    """The version of the core."""
    return importlib.metadata.version("opcode-core")


def show_version(*, as_json: bool) -> None:
    """Say which version this is, of Python and SQLite too."""
    versions = {
        "opcode": core_version(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    if as_json:
        print_json(versions)
    else:
        sys.stdout.write(
            f"opcode {versions['opcode']} (Python {versions['python']}, SQLite {versions['sqlite']})\n"
        )
