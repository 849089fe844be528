"""OPCODE's assertions: `assert.equals`, `assert.contains`, `assert.matches`, `assert.schema`."""

from __future__ import annotations

from opcode_core import ActionRegistrar, hookimpl

from opcode_action_assert import contains, equals, matches, schema


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the four actions."""
    for each in (equals.equals, contains.contains, matches.matches, schema.schema):
        register(each)
