"""Looking at a database without changing anything in it, whether or not a server uses it."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from opcode_core.plugins.inspection import Finding, FindingState
from opcode_core.store.sqlite.condition import read_only
from opcode_core.store.sqlite.integrity import check_integrity
from opcode_core.store.sqlite.schema import APPLICATION_ID, scripts

_MOST_ERRORS = 10
_OTHERS_MAY = 0o077
_FIELDS = 6


def check_database(path: Path) -> Iterator[Finding]:
    """Look at a database: who uses it, whether it is whole, and whether its histories are.

    Args:
        path: The file.
    """
    yield Finding("file", *_file(path))
    yield Finding("lock", *lock_state(Path(f"{path}.lock")))
    if not path.exists() or not path.stat().st_size:
        return
    try:
        with closing(read_only(path)) as connection:
            found = list(_inside(connection))
        yield from found
        if any(one.topic == "schema" and one.state == "ok" for one in found):
            yield Finding("integrity", *_integrity(path))
    except sqlite3.Error as error:
        yield Finding(
            "integrity", "broken", f"it cannot be read, restore it from a backup: {error}"
        )


def _file(path: Path) -> tuple[FindingState, str]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return _missing(path)
    except OSError as error:
        return "broken", f"{path}: {error.strerror}"
    if not os.access(path, os.R_OK | os.W_OK):
        return "broken", f"{path} cannot be read and written by this user"
    if status.st_mode & _OTHERS_MAY:
        mode = status.st_mode & 0o777
        return "warning", f"{path}: others may read it (mode {mode:04o}); chmod 600 it"
    return "ok", f"{path}, {status.st_size} bytes"


def _missing(path: Path) -> tuple[FindingState, str]:
    if not path.parent.is_dir():
        return "broken", f"{path}: there is no such folder"
    if not os.access(path.parent, os.W_OK):
        return "broken", f"{path}: its folder cannot be written"
    return "off", f"{path} is not there yet: a server makes it"


def lock_state(path: Path) -> tuple[FindingState, str]:
    """Who holds the lock of a database; the lock itself is left alone, so that a server may take it meanwhile."""
    try:
        status = path.stat()
    except OSError:
        return "off", "no server has used it"
    if sys.platform != "linux":
        return "off", "this system does not say who holds it"
    try:
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return "off", "this system does not say who holds it"
    for line in locks.splitlines():
        fields = line.split()
        if len(fields) >= _FIELDS and fields[1] == "FLOCK":  # one that waits has an arrow there
            process, place = fields[4], fields[5]
            if place.rpartition(":")[2] == str(
                status.st_ino
            ):  # some file systems tell another device than stat
                return "ok", f"held by process {process}, the engine"
    return "off", "nobody holds it: no server is running"


def _inside(connection: sqlite3.Connection) -> Iterator[Finding]:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if owner != APPLICATION_ID:
        yield Finding(
            "schema",
            "broken",
            "it is the database of another program: name another with OPCODE_DB_PATH",
        )
        return
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    known = len(scripts())
    if version > known:
        yield Finding(
            "schema", "broken", f"{version}, and this program knows {known}: use a newer opcode"
        )
        return
    older = "" if version == known else f": brought to {known} when a server starts"
    yield Finding("schema", "ok", f"{version}{older}")
    yield Finding("histories", *_histories(connection))


def _integrity(path: Path) -> tuple[FindingState, str]:
    """Whether pages, indexes, events and the lists made of them are as they should be."""
    found = check_integrity(path)
    if not found:
        return "ok", "every page, event and list is as it should be"
    shown = "; ".join(one.message for one in found[:_MOST_ERRORS])
    return "broken", f"{shown} (and {len(found) - _MOST_ERRORS} more)" if len(
        found
    ) > _MOST_ERRORS else shown


def _histories(connection: sqlite3.Connection) -> tuple[FindingState, str]:
    """Whether the events of each workflow are numbered without a gap."""
    counted = connection.execute(
        "SELECT count(*), total(n), total(n != last) FROM "
        "(SELECT count(*) AS n, max(sequence) AS last FROM events GROUP BY workflow_id)"
    ).fetchone()
    workflows, events, broken = (int(number) for number in counted)
    if broken:
        return "broken", f"{broken} of {workflows} workflows lack events: restore a backup"
    return "ok", f"{workflows} workflows with {events} events, none missing"
