"""The shell action: one command, in a process tree of its own."""

from __future__ import annotations

from opcode_core import ActionRegistrar, hookimpl

from opcode_action_shell.execute import execute


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the action."""
    register(execute)
