"""OPCODE's jq engine: `loop.over` and its like as a jq program, run by libjq in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opcode_core import hookimpl

if TYPE_CHECKING:
    from opcode_core import EngineRegistrar, ExpressionEngine, ExpressionLimits


@hookimpl
def opcode_register_expression_engines(register: EngineRegistrar) -> None:
    """Register the engine `jq`; its worker process starts with its first compile."""
    register("jq", _make)


def _make(limits: ExpressionLimits) -> ExpressionEngine:
    from opcode_expr_jq.engine import JqEngine

    return JqEngine(limits)
