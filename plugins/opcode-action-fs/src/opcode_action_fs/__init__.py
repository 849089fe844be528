"""File system actions: every path is opened beneath one of the roots, without a race."""

from __future__ import annotations

from opcode_core import ActionRegistrar, hookimpl

from opcode_action_fs.read import read
from opcode_action_fs.write import write


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the actions."""
    register(read)
    register(write)
