"""HTTP actions: one pooled client for each policy, addresses judged before anything is sent."""

from __future__ import annotations

from opcode_core import ActionRegistrar, hookimpl

from opcode_action_http.request import get, post, request


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the actions."""
    for one in (get, post, request):
        register(one)
