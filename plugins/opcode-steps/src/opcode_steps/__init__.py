"""The built-in step types, a module each."""

from __future__ import annotations

from opcode_core import StepTypeRegistrar, hookimpl

from opcode_steps.action import ActionStep
from opcode_steps.condition import ConditionStep
from opcode_steps.loop import LoopStep
from opcode_steps.parallel import ParallelStep
from opcode_steps.reasoning import ReasoningStep
from opcode_steps.wait import WaitStep


@hookimpl
def opcode_register_step_types(register: StepTypeRegistrar) -> None:
    """Register the built-in step types."""
    for each in (ActionStep, ConditionStep, LoopStep, ParallelStep, WaitStep, ReasoningStep):
        register(each)
