"""Lists of workflows, events and templates, filtered and in parts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opcode_core.errors import ValidationError
from opcode_core.jsonio import parse_json, read_json, write_json
from opcode_core.model import events
from opcode_core.model.answers import cut, cut_error
from opcode_core.moments import iso_time
from opcode_core.store.protocol import Page
from opcode_core.store.sqlite import templates
from opcode_core.store.sqlite.views import EVENT_COLUMNS, verify

Row = tuple[Any, ...]
_FREQUENT = (
    *(events.WORKFLOW_STARTED, events.STEP_STARTED, events.STEP_COMPLETED),
    events.WORKFLOW_COMPLETED,
)
"""The types of events that the index `events_rare` leaves out."""
_MANY = 10_000
"""Rows counted at most to see which of several indexes leads to the fewest; so many take 0.2 ms."""


@dataclass(frozen=True, slots=True)
class Listing:
    """How one resource is listed.

    Attributes:
        table: Its table.
        columns: What is read of it.
        conditions: Filter → the condition it sets, with one `?`.
        key: The columns that order it and that a cursor holds; unique together.
        descending: Whether the newest comes first.
        show: Makes what an agent sees of a row.
        implied: What follows from filters, as a condition: an index of a part of the table is used only where its own
            condition stands.
        indexed: The filters that have an index each.
    """

    table: str
    columns: str
    conditions: Mapping[str, str]
    key: tuple[str, ...]
    descending: bool
    show: Callable[[Row], dict[str, Any]]
    implied: Callable[[Mapping[str, Any]], Sequence[str]] = lambda _: ()
    indexed: tuple[str, ...] = ()

    def counting(self, filters: Mapping[str, Any]) -> tuple[str, list[Any]] | None:
        """The statement that counts what each index leads to, up to `_MANY`; None where there is no choice.

        SQLite chooses without knowing how many rows a value has: of those that failed, and a template that nearly all
        were made of, it may well take the template.
        """
        names = self._choices(filters)
        if len(names) <= 1:
            return None
        counts = (
            f"(SELECT count(*) FROM (SELECT 1 FROM {self.table} WHERE {self.conditions[name]} LIMIT {_MANY}))"
            for name in names
        )
        return f"SELECT {', '.join(counts)}", [filters[name] for name in names]

    def statement(
        self,
        filters: Mapping[str, Any],
        limit: int,
        cursor: str | None,
        counts: Sequence[int] = (),
    ) -> tuple[str, list[Any]]:
        """The statement that reads one part and one row more.

        Args:
            filters: Filter → its value.
            limit: How many rows a part has.
            cursor: Where it begins; None for the beginning.
            counts: What `counting` has given, if there was a choice: the index that leads to the fewest is used.

        Raises:
            ValidationError: The cursor is none that was handed out.
        """
        others = self._choices(filters)
        if counts:
            others.remove(min(zip(counts, others, strict=True))[1])
        where = [
            f"+{self.conditions[name]}" if counts and name in others else self.conditions[name]
            for name in filters  # a `+` hides the column from its index
        ]
        where += self.implied(filters)
        values = list(filters.values())
        if cursor is not None:
            marks = ", ".join("?" * len(self.key))
            where.append(f"({', '.join(self.key)}) {'<' if self.descending else '>'} ({marks})")
            values += self._read_cursor(cursor)
        order = ", ".join(f"{column} DESC" if self.descending else column for column in self.key)
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        columns = f"{', '.join(self.key)}, {self.columns}"
        return f"SELECT {columns} FROM {self.table}{condition} ORDER BY {order} LIMIT ?", [
            *values,
            limit + 1,
        ]

    def page(self, rows: list[Row], limit: int) -> Page:
        """The part of these rows, with the cursor of the next one if there is more."""
        keys = len(self.key)
        shown = [self.show(row[keys:]) for row in rows[:limit]]
        cursor = None
        if len(rows) > limit:
            cursor = base64.urlsafe_b64encode(write_json(list(rows[limit - 1][:keys]))).decode(
                "ascii"
            )
        return Page(shown, cursor)

    def _choices(self, filters: Mapping[str, Any]) -> list[str]:
        return [name for name in self.indexed if name in filters]

    def _read_cursor(self, cursor: str) -> list[Any]:
        try:
            values = parse_json(base64.urlsafe_b64decode(cursor.encode("ascii", "replace")))
        except (ValidationError, binascii.Error, ValueError):
            values = None
        if (
            not isinstance(values, list)
            or len(values) != len(self.key)
            or any(type(value) not in (str, int) for value in values)
        ):
            raise ValidationError(
                "filter.cursor is none of ours: give the `next` of the answer before"
            )
        return values


def _workflow(row: Row) -> dict[str, Any]:
    (
        workflow_id,
        template_name,
        template_version,
        status,
        agent_id,
        created_at,
        completed_at,
        error,
        parent_workflow_id,
    ) = row
    shown = {
        "workflow_id": workflow_id,
        "template_name": template_name,
        "template_version": template_version,
        "status": status,
        "agent_id": agent_id,
        "created_at": iso_time(created_at),
        "started_at": iso_time(created_at),
    }
    if parent_workflow_id is not None:
        shown["parent_workflow_id"] = parent_workflow_id
    if completed_at is not None:
        shown["completed_at"] = iso_time(completed_at)
    if error is not None:
        shown["error"] = cut_error(read_json(error))
    return shown


def _event(row: Row) -> dict[str, Any]:
    workflow_id, sequence, event_type, step_id, payload, agent_id, timestamp, _ = row
    verify(row)
    shown = {
        "id": f"{workflow_id}:{sequence}",
        "workflow_id": workflow_id,
        "event_type": event_type,
        "timestamp": iso_time(timestamp),
        "sequence": sequence,
    }
    if step_id is not None:
        shown["step_id"] = step_id
    if payload is not None:
        shown["payload"] = cut(read_json(payload), len(payload.encode("utf-8")))
    if agent_id is not None:
        shown["agent_id"] = agent_id
    return shown


def _is_rare(filters: Mapping[str, Any]) -> Sequence[str]:
    """The conditions of the index `events_rare`, where a type is asked for that it has, over all workflows."""
    if "workflow_id" in filters or filters.get("event_type", _FREQUENT[0]) in _FREQUENT:
        return ()
    return [f"event_type <> '{name}'" for name in _FREQUENT]


def _decision(row: Row) -> dict[str, Any]:
    shown: dict[str, Any] = read_json(row[0])
    return {**shown, "context": cut(shown["context"], len(row[0].encode("utf-8")))}


WORKFLOWS = Listing(
    table="workflows",
    columns=(
        "workflow_id, template_name, template_version, status, agent_id, created_at, completed_at, error, "
        "parent_workflow_id"
    ),
    conditions={
        "status": "status = ?",
        "agent_id": "agent_id = ?",
        "template_name": "template_name = ?",
        "since": "created_at >= ?",
    },
    key=("created_at", "workflow_id"),
    descending=True,
    show=_workflow,
    indexed=("status", "agent_id", "template_name"),
)
EVENTS = Listing(
    table="events",
    columns=EVENT_COLUMNS,
    conditions={
        "workflow_id": "workflow_id = ?",
        "event_type": "event_type = ?",
        "step_id": "step_id = ?",
        "since": "timestamp >= ?",
    },
    key=("workflow_id", "sequence"),
    descending=False,
    show=_event,
    implied=_is_rare,
)
DECISIONS = Listing(
    table="decisions",
    columns="decision",
    conditions={
        "workflow_id": "workflow_id = ?",
        "status": "status = ?",
        "target_agent": "target_agent = ?",
    },
    key=("created_at", "id"),
    descending=True,
    show=_decision,
    indexed=("workflow_id", "status"),
)
TEMPLATES = Listing(
    table="templates",
    columns=templates.COLUMNS,
    conditions={"name": "name = ?", "agent_id": "agent_id = ?"},
    key=("created_at", "name", "number"),
    descending=True,
    show=templates.shown,
)
