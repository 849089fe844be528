"""The action `expr.eval`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from opcode_core import (
    ActionContext,
    ActionSource,
    Effect,
    ExpressionLimits,
    ExpressionSyntaxError,
    Output,
    Params,
    Problem,
    ValidationError,
    action,
    pointer,
)
from pydantic import Field

if TYPE_CHECKING:
    from opcode_expr_lang.engine import ExprEngine

_OWN = {"data": "data"}


class EvalParams(Params):
    """What `expr.eval` takes."""

    expression: str = Field(
        description="An expression in the Expr language. It reads `steps`, `inputs`, `workflow`, `context`, "
        "`data` and, in a loop, `iter`; it is written out, never brought in by a reference."
    )
    data: Any = Field(
        default=None,
        description="Any value; the expression reads it as `data`. References may stand in it.",
    )


class EvalOutput(Output):
    """What `expr.eval` gives."""

    result: Any = Field(description="The value of the expression.")


def _check(source: ActionSource) -> Iterator[Problem]:
    expression = source.params.get("expression")
    if not isinstance(expression, str):
        return
    if source.references("expression"):
        yield Problem(
            pointer(source.pointer, "expression"),
            "BAD_EXPRESSION",
            "`expression` is a program and cannot be brought in by a reference",
            hint="variables are named in it without `${{ }}`, as in inputs.n + 1; anything else is passed by "
            "`data`",
        )
    else:
        source.compile("expr", expression, "expression", extra=_OWN)


@lru_cache(maxsize=4)
def _engine(limits: ExpressionLimits) -> ExprEngine:
    from opcode_expr_lang.engine import ExprEngine

    return ExprEngine(limits=limits)


def _limits(context: ActionContext) -> ExpressionLimits:
    return ExpressionLimits(
        source_bytes=context.setting("limits.expression_bytes"),
        depth=context.setting("limits.expression_depth"),
        seconds=context.setting("limits.expression_seconds"),
    )


@action("expr.eval", effect=Effect.PURE, check=_check)
async def eval_(params: EvalParams, context: ActionContext) -> EvalOutput:
    """Evaluate an expression of the Expr language.

    `expression` reads the workflow's variables and `data`; a key that a map does not have is nil. The result is any
    JSON. It is stopped after a second (`limits.expression_seconds`) or when it builds more than a million items.
    """
    try:
        expression = _engine(_limits(context)).compile(params.expression, extra=_OWN)
    except ExpressionSyntaxError as error:
        raise ValidationError(f"`expression` does not compile: {error.message}") from None
    variables = {**context.variables(), "data": params.data}
    if expression.quick:
        return EvalOutput(result=expression.evaluate(variables))
    return EvalOutput(result=await asyncio.to_thread(expression.evaluate, variables))
