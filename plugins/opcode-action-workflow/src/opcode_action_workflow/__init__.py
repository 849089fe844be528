"""OPCODE's actions on the running workflow: `workflow.emit`, `workflow.log`, `workflow.fail`."""

from __future__ import annotations

from opcode_core import ActionRegistrar, hookimpl

from opcode_action_workflow import emit, fail, log


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the three actions."""
    for each in (emit.emit, log.log, fail.fail):
        register(each)
