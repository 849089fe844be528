"""The hooks of OPCODE: the whole contract between the core and its plugins, on one page.

A plugin is a module (or an object) named by an entry point in the group `opcode`; the entry point's key is the
plugin's name. It implements the hooks it needs with `@hookimpl`. All hooks are called once, at start; what they
register is kept in plain tables, so a hook costs nothing while workflows run.

Every registration is made through a `register` callable that knows which plugin it was handed to: a name that is
taken is refused with both owners named, and the refused plugin is taken out as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

import pluggy

if TYPE_CHECKING:
    from opcode_core.actions import Action, TouchKind
    from opcode_core.expressions import ExpressionEngine, ExpressionLimits
    from opcode_core.plugins.inspection import Checkup, Judge
    from opcode_core.steps import StepType

GROUP = "opcode"

hookspec = pluggy.HookspecMarker(GROUP)
_F = Callable[..., Any]
hookimpl = cast("Callable[[_F], _F]", pluggy.HookimplMarker(GROUP))
"""Marks a function as the implementation of a hook."""


class ActionRegistrar(Protocol):
    """Takes actions; bound to the plugin it is handed to."""

    def __call__(self, action: Action, /) -> None:
        """Register one action."""
        ...


class StepTypeRegistrar(Protocol):
    """Takes step types; bound to the plugin it is handed to."""

    def __call__(self, step_type: type[StepType], /) -> None:
        """Register one step type."""
        ...


class EngineRegistrar(Protocol):
    """Takes expression engines; bound to the plugin it is handed to."""

    def __call__(self, name: str, make: Callable[[ExpressionLimits], ExpressionEngine], /) -> None:
        """Register an engine under a name; `make` is called when it is first used, and may import what is heavy."""
        ...


class RuleRegistrar(Protocol):
    """Takes rules; bound to the plugin it is handed to."""

    def __call__(self, kind: TouchKind, judge: Judge, /) -> None:
        """Register what says whether policy lets something of this kind be touched."""
        ...


class CheckupRegistrar(Protocol):
    """Takes checkups; bound to the plugin it is handed to."""

    def __call__(self, check: Checkup, /) -> None:
        """Register a look at the machine, for `opcode doctor`."""
        ...


@hookspec
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Called once at start: call `register(an_action)` for each action the plugin brings."""


@hookspec
def opcode_register_step_types(register: StepTypeRegistrar) -> None:
    """Called once at start: call `register(AStepType)` for each step type the plugin brings."""


@hookspec
def opcode_register_expression_engines(register: EngineRegistrar) -> None:
    """Called once at start: call `register("name", make)` for each expression engine the plugin brings."""


@hookspec
def opcode_register_rules(register: RuleRegistrar) -> None:
    """Called once at start: call `register("host", judge)` for each kind of thing whose policy the plugin knows.

    A rule says before anything runs what the plugin's actions would say while they run: `opcode policy check` asks it.
    """


@hookspec
def opcode_register_checkups(register: CheckupRegistrar) -> None:
    """Called once at start: call `register(check)` for each look at the machine that `opcode doctor` is to take."""
