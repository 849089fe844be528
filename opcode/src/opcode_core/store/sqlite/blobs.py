"""Large outputs: stored once, by hash, however many events have them; read as if they stood in the event."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from typing import Any

LARGE = 1 << 20
"""An output is stored by its hash when the event that has it is larger than this, in characters of JSON."""
_BEFORE, _AFTER = '{"output":', "}"
PAYLOAD = (
    f"CASE WHEN blob IS NULL THEN payload ELSE '{_BEFORE}' || (SELECT content FROM blobs WHERE hash = blob) || "
    f"'{_AFTER}' END"
)
"""The payload of an event, whole, as SQL."""
_PAYLOAD_COLUMN = 4


def take_apart(
    connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]
) -> tuple[list[tuple[Any, ...]], list[tuple[str, str, int]]]:
    """Store the large outputs of events, inside the caller's transaction.

    Args:
        connection: The connection.
        rows: The rows of the events; what they have is JSON, so that what follows `{"output":` ends with a `}`.

    Returns:
        The rows, those with a large output without it; `(hash, workflow, sequence)` for each of these.
    """
    small, parted = [], []
    for row in rows:
        payload = row[_PAYLOAD_COLUMN]
        if payload is None or len(payload) <= LARGE or not payload.startswith(_BEFORE):
            small.append(row)
            continue
        content = payload[len(_BEFORE) : -len(_AFTER)]
        name = _hash(content)
        connection.execute(
            "INSERT INTO blobs VALUES (?, ?) ON CONFLICT (hash) DO NOTHING", (name, content)
        )
        small.append((*row[:_PAYLOAD_COLUMN], None, *row[_PAYLOAD_COLUMN + 1 :]))
        parted.append((name, row[0], row[1]))
    return small, parted


def _hash(content: str) -> str:
    """The SHA-256 of a text in UTF-8, of which no copy is made."""
    digest = hashlib.sha256()
    for position in range(0, len(content), LARGE):
        digest.update(content[position : position + LARGE].encode("utf-8"))
    return digest.hexdigest()


def name_blobs(connection: sqlite3.Connection, parted: Iterable[tuple[str, str, int]]) -> None:
    """Let stored events name their outputs; see `take_apart`."""
    connection.executemany(
        "UPDATE events SET blob = ? WHERE workflow_id = ? AND sequence = ?", parted
    )


def blobs_of(connection: sqlite3.Connection, workflow_id: str) -> list[str]:
    """The hashes of the large outputs of a workflow."""
    found = connection.execute(
        "SELECT DISTINCT blob FROM events WHERE workflow_id = ? AND blob IS NOT NULL",
        (workflow_id,),
    )
    return [name for (name,) in found]


def drop_unused(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    """Delete those of these outputs that no event has any more."""
    for name in names:
        connection.execute(
            "DELETE FROM blobs WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM events WHERE blob = ?)",
            (name, name),
        )
