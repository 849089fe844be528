"""HTTP actions: one pooled client for each policy, addresses judged before anything is sent."""

from __future__ import annotations

from opcode_core import ActionRegistrar, Policy, RuleRegistrar, hookimpl

from opcode_action_http.request import get, post, request


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the actions."""
    for one in (get, post, request):
        register(one)


@hookimpl
def opcode_register_rules(register: RuleRegistrar) -> None:
    """Register what policy says about hosts."""

    def judge(host: str, policy: Policy) -> None:
        from opcode_action_http.policy import judge_host  # and with it the library of URLs

        judge_host(host, policy)

    register("host", judge)
