"""Dice for OPCODE workflows: the action `dice.roll`, the step type `scoreboard`, the engine `pips`."""

from __future__ import annotations

from opcode_core import ActionRegistrar, EngineRegistrar, StepTypeRegistrar, hookimpl

from opcode_action_dice.pips import PipsEngine
from opcode_action_dice.roll import roll
from opcode_action_dice.scoreboard import Scoreboard


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the action."""
    register(roll)


@hookimpl
def opcode_register_step_types(register: StepTypeRegistrar) -> None:
    """Register the step type."""
    register(Scoreboard)


@hookimpl
def opcode_register_expression_engines(register: EngineRegistrar) -> None:
    """Register the engine; `PipsEngine` is called with the limits of expressions when a definition first uses it."""
    register("pips", PipsEngine)
