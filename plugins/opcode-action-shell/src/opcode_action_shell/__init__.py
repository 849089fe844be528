"""The shell action: one command, in a process tree of its own."""

from __future__ import annotations

from opcode_core import ActionRegistrar, CheckupRegistrar, RuleRegistrar, hookimpl

from opcode_action_shell.checkup import check_isolation
from opcode_action_shell.execute import execute
from opcode_action_shell.guard import judge_command


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the action."""
    register(execute)


@hookimpl
def opcode_register_rules(register: RuleRegistrar) -> None:
    """Register what policy says about commands."""
    register("command", judge_command)


@hookimpl
def opcode_register_checkups(register: CheckupRegistrar) -> None:
    """Register the look at how commands are confined here."""
    register(check_isolation)
