"""What must hold in a database after any crash, looked at from outside."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from crash.actions import traces
from opcode_core.errors import StoreError
from opcode_core.jsonio import read_json
from opcode_core.store.sqlite.views import EVENT_COLUMNS, WORKFLOW_COLUMNS, fold, workflow_row


def audit(database: Path, trace: Path, crashes: int) -> list[str]:
    """Everything that is wrong.

    Args:
        database: The database, which nobody has open.
        trace: What the actions have left.
        crashes: How often the process was killed.
    """
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            f"SELECT {EVENT_COLUMNS} FROM events ORDER BY workflow_id, sequence"
        ).fetchall()
        listed = connection.execute(
            f"SELECT {', '.join(WORKFLOW_COLUMNS)} FROM workflows"
        ).fetchall()
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
    wrong = [] if sound == "ok" else [f"integrity_check: {sound}"]
    views = {row[0]: row for row in listed}
    consents: Counter[tuple[str, str]] = Counter()
    due: Counter[Any] = Counter()
    for workflow_id, group in groupby(rows, key=itemgetter(0)):
        events = list(group)
        wrong += _log(workflow_id, events)
        try:
            state = fold(workflow_id, events)
        except (StoreError, ValueError) as error:
            wrong.append(f"{workflow_id}: {error}")
            continue
        if workflow_row(state) != views.pop(workflow_id, None):
            wrong.append(f"{workflow_id}: its view is not what its events say")
        if state.status != "completed":
            wrong.append(f"{workflow_id}: {state.template_name} is {state.status}")
        consents.update((workflow_id, one) for one in _consents(events))
        job = read_json(events[0][4]).get("job")
        if job is not None:
            due[job["due"]] += 1
    wrong += [f"{workflow_id}: a view without events" for workflow_id in views]
    wrong += [f"the due time {when} ran {count} times" for when, count in due.items() if count > 1]
    return wrong + _effects(trace, consents, crashes)


def _log(workflow_id: str, events: list[tuple[Any, ...]]) -> list[str]:
    wrong = []
    if [row[1] for row in events] != list(range(1, len(events) + 1)):
        wrong.append(f"{workflow_id}: sequences {[row[1] for row in events]}")
    kinds = [row[2] for row in events]
    completed = Counter(row[3] for row in events if row[2] == "step_completed")
    wrong += [f"{workflow_id}: {one} completed {n} times" for one, n in completed.items() if n > 1]
    resolved = Counter(row[3] for row in events if row[2] == "decision_resolved")
    wrong += [f"{workflow_id}: {one} decided {n} times" for one, n in resolved.items() if n > 1]
    wrong += [
        f"{workflow_id}: {kind} {kinds.count(kind)} times"
        for kind in ("workflow_started", "workflow_completed")
        if kinds.count(kind) != 1
    ]
    return wrong


def _consents(events: list[tuple[Any, ...]]) -> list[str]:
    """The steps that somebody let run again, each as often as somebody did."""
    return [
        step_id
        for _, _, kind, step_id, payload, *_ in events
        if kind == "signal_received" and read_json(payload)["signal_type"] == "retry"
    ]


def _effects(trace: Path, consents: Counter[tuple[str, str]], crashes: int) -> list[str]:
    wrong = []
    for (effect, workflow_id, step_id), count in Counter(traces(trace)).items():
        allowed = 1 + crashes
        if effect == "unsafe" and step_id != "again":
            allowed = 1 + consents[workflow_id, step_id]
        if step_id.rpartition(".")[2].startswith("flaky"):
            allowed *= 2  # it is done twice without a crash
        if count > allowed:
            wrong.append(f"{effect} {step_id} of {workflow_id} was done {count} times")
    return wrong
