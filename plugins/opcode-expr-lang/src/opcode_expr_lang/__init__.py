"""OPCODE's Expr engine, and the action `expr.eval`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opcode_core import hookimpl

from opcode_expr_lang.action import eval_

if TYPE_CHECKING:
    from opcode_core import ActionRegistrar, EngineRegistrar, ExpressionEngine, ExpressionLimits


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the action."""
    register(eval_)


@hookimpl
def opcode_register_expression_engines(register: EngineRegistrar) -> None:
    """Register the engine `expr`; nothing of the language is imported before its first compile."""
    register("expr", _make)


def _make(limits: ExpressionLimits) -> ExpressionEngine:
    from opcode_expr_lang.engine import ExprEngine

    return ExprEngine(limits=limits)
