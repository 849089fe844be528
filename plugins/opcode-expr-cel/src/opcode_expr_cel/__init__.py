"""OPCODE's CEL engine: `condition`, `loop.over` and their like in the Common Expression Language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opcode_core import hookimpl

if TYPE_CHECKING:
    from opcode_core import EngineRegistrar, ExpressionEngine, ExpressionLimits


@hookimpl
def opcode_register_expression_engines(register: EngineRegistrar) -> None:
    """Register the engine `cel`; cel-python is not imported before its first compile."""
    register("cel", _make)


def _make(limits: ExpressionLimits) -> ExpressionEngine:
    from opcode_expr_cel.engine import CelEngine

    return CelEngine(limits=limits)
