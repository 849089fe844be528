"""`query`: what can be listed, by which filters, in parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from opcode_core.actions import Action, Effect
from opcode_core.errors import ValidationError
from opcode_core.jsonio import type_name
from opcode_core.moments import parse_time
from opcode_core.plugins.registry import Registry
from opcode_core.store.protocol import Page, Store
from opcode_core.suggest import did_you_mean, listing

STATUSES = ("pending", "active", "suspended", "completed", "failed", "cancelled")
DECISION_STATUSES = ("pending", "resolved", "expired", "cancelled")
_DEFAULT_LIMIT, _MOST = 50, 500


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a text, found {type_name(value)}")
    return value


def _one_of(*choices: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(
                f"expected one of {listing(choices)}, found {value!r}{did_you_mean(str(value), choices)}"
            )
        return str(value)

    return check


def _time(value: Any) -> int:
    try:
        return parse_time(_text(value))
    except ValueError:
        raise ValueError("expected an RFC 3339 time such as 2026-01-31T09:00:00Z") from None


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, found {type_name(value)}")  # noqa: TRY004 - answered as a refusal
    return value


def _limit(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST:
        raise ValueError(f"expected a whole number from 1 to {_MOST}")
    return value


_FILTERS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "workflows": {
        "status": _one_of(*STATUSES),
        "agent_id": _text,
        "template_name": _text,
        "since": _time,
    },
    "events": {"workflow_id": _text, "step_id": _text, "event_type": _text, "since": _time},
    "templates": {"name": _text, "agent_id": _text},
    "decisions": {
        "workflow_id": _text,
        "status": _one_of(*DECISION_STATUSES),
        "target_agent": _text,
    },
    "actions": {"name": _text, "plugin": _text},
    "jobs": {"template_name": _text, "enabled": _flag},
}
RESOURCES = tuple(_FILTERS)


ListJobs = Callable[[dict[str, Any], int, str | None], Awaitable[Page]]
"""Lists jobs: filters, how many, the cursor."""


async def run_query(
    resource: str,
    given: Mapping[str, Any],
    store: Store,
    registry: Registry,
    list_jobs: ListJobs | None = None,
) -> dict[str, Any]:
    """Answer a query.

    Args:
        resource: One of `RESOURCES`.
        given: The filters, `limit` and `cursor`.
        store: Where workflows, events and templates are.
        registry: Where actions are.
        list_jobs: Lists jobs; None where there are none.

    Raises:
        ValidationError: The resource or a filter does not exist, or a value cannot be.
    """
    if resource not in _FILTERS:
        raise ValidationError(f"there is no resource `{resource}`: there are {listing(RESOURCES)}")
    filters, limit, cursor = _read(resource, given)
    if resource == "workflows":
        page = await store.list_workflows(filters, limit, cursor)
    elif resource == "events":
        if "workflow_id" not in filters and "event_type" not in filters:
            raise ValidationError(
                "a query for events needs `workflow_id` or `event_type` in its filter"
            )
        page = await store.list_events(filters, limit, cursor)
    elif resource == "templates":
        page = await store.list_templates(filters, limit, cursor)
    elif resource == "decisions":
        page = await store.list_decisions({"status": "pending", **filters}, limit, cursor)
    elif resource == "actions":
        page = _actions(registry, filters, limit, cursor)
    elif list_jobs is not None:
        page = await list_jobs(filters, limit, cursor)
    else:
        page = Page([], None)
    answer: dict[str, Any] = {resource: page.rows}
    if page.next is not None:
        answer["next"] = page.next
    return answer


def _read(resource: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], int, str | None]:
    known = {**_FILTERS[resource], "limit": _limit, "cursor": _text}
    filters: dict[str, Any] = {}
    issues = []
    for name, value in given.items():
        check = known.get(name)
        if check is None:
            issues.append(
                f"there is no filter `{name}`: there are {listing(known)}{did_you_mean(name, known)}"
            )
            continue
        try:
            filters[name] = check(value)
        except ValueError as error:
            issues.append(f"`{name}`: {error}")
    if issues:
        raise ValidationError(f"filter for {resource}: {'; '.join(issues)}")
    return filters, filters.pop("limit", _DEFAULT_LIMIT), filters.pop("cursor", None)


def _actions(
    registry: Registry, filters: Mapping[str, Any], limit: int, cursor: str | None
) -> Page:
    names = [
        name
        for name in registry.usable_actions()
        if name == filters.get("name", name)
        and registry.owner_of_action(name) == filters.get("plugin", registry.owner_of_action(name))
        and (cursor is None or name > cursor)
    ]
    shown = [
        describe_action(registry.actions[name], registry.owner_of_action(name))
        for name in names[:limit]
    ]
    return Page(shown, names[limit - 1] if len(names) > limit else None)


def describe_action(action: Action, plugin: str) -> dict[str, Any]:
    """An action as an agent sees it: name, plugin, description, effect, JSON Schemas of parameters and output."""
    shown: dict[str, Any] = {
        "name": action.name,
        "plugin": plugin,
        "description": action.document,
        "effect": action.effect.value if isinstance(action.effect, Effect) else "by its parameters",
        "params": action.params.model_json_schema(),
    }
    if action.output is not None:
        shown["output"] = action.output.model_json_schema(by_alias=True)
    return shown
