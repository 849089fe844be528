"""A plugin whose every action breaks the contract in a way of its own."""

from __future__ import annotations

from opcode_core import ActionRegistrar, hookimpl

from contract_breaches import behaviour, declared, effects, endings, refusals, secrecy
from contract_breaches.breach import Breach

BREACHES: tuple[Breach, ...] = (
    *declared.BREACHES,
    *refusals.BREACHES,
    *behaviour.BREACHES,
    *secrecy.BREACHES,
    *effects.BREACHES,
    *endings.BREACHES,
)


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register them all."""
    for breach in BREACHES:
        register(breach.action)
