"""Calls that come again because the engine changed while they were under way: what of them was done already.

A run is known by its key, a signal by the call that its event names, a definition by being the same and stored since.
"""

from __future__ import annotations

from typing import Any

from opcode_core.jsonio import compact_json
from opcode_core.model.definition import TemplateVersion
from opcode_core.model.events import SIGNAL_RECEIVED
from opcode_core.model.requests import Call, DefineRequest, SignalRequest
from opcode_core.store.protocol import Store

_MOST_VERSIONS = 100
_PAGE = 500


async def defined_before(store: Store, request: DefineRequest) -> str | None:
    """The version that this definition was stored as when the call came first; None if it was not."""
    if request.call is None or request.call.since is None:
        return None
    since = int(request.call.since * 1e6)
    version = await store.template(request.name, None)
    for _ in range(_MOST_VERSIONS):
        if version is None or version.created_at < since:
            return None
        if _same(version, request):
            return version.version
        version = await store.template(request.name, f"v{int(version.version[1:]) - 1}")
    return None


async def signalled_before(store: Store, request: SignalRequest) -> bool:
    """Whether the workflow had this signal when the call came first."""
    if request.call is None or request.call.since is None:
        return False
    filters = {"workflow_id": request.workflow_id, "event_type": SIGNAL_RECEIVED}
    cursor: str | None = None
    while True:
        page = await store.list_events(filters, _PAGE, cursor)
        if any(_tells_of(row.get("payload") or {}, request.call) for row in page.rows):
            return True
        if page.next is None:
            return False
        cursor = page.next


def _same(version: TemplateVersion, request: DefineRequest) -> bool:
    parts = ("definition", "input_schema", "output_schema", "triggers", "description", "agent_id")
    stored, given = ([getattr(one, part) for part in parts] for one in (version, request))
    return compact_json(stored) == compact_json(given)


def _tells_of(payload: dict[str, Any], call: Call) -> bool:
    """Whether an event is this call's; of a payload that is too large to show there is the beginning."""
    if payload.get("truncated") is True and "preview" in payload:
        return f'"call":"{call.key}"' in str(payload["preview"])
    return payload.get("call") == call.key
