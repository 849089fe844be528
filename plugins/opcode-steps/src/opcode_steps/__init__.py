"""The built-in step types, a module each."""

from __future__ import annotations

from opcode_core import StepTypeRegistrar, hookimpl

from opcode_steps.action import ActionStep


@hookimpl
def opcode_register_step_types(register: StepTypeRegistrar) -> None:
    """Register the built-in step types."""
    register(ActionStep)
