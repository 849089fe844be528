"""File system actions: every path is opened beneath one of the roots, without a race."""

from __future__ import annotations

from opcode_core import ActionRegistrar, Policy, RuleRegistrar, hookimpl

from opcode_action_fs.append import append
from opcode_action_fs.copy import copy
from opcode_action_fs.delete import delete
from opcode_action_fs.listing import list_
from opcode_action_fs.move import move
from opcode_action_fs.places import find_place
from opcode_action_fs.read import read
from opcode_action_fs.status import look
from opcode_action_fs.write import write


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the actions."""
    for one in (read, write, append, delete, list_, look, copy, move):
        register(one)


@hookimpl
def opcode_register_rules(register: RuleRegistrar) -> None:
    """Register what policy says about paths; links are followed, and judged, when they are met."""

    def judge(path: str, policy: Policy) -> None:
        find_place(path, policy)

    register("path", judge)
