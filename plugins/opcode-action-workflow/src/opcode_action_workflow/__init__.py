"""OPCODE's actions on the running workflow: `workflow.run`, `.context`, `.emit`, `.log`, `.fail`."""

from __future__ import annotations

from opcode_core import ActionRegistrar, hookimpl

from opcode_action_workflow import context, emit, fail, log, run


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the five actions."""
    for each in (run.run, context.context, emit.emit, log.log, fail.fail):
        register(each)
