"""`dice.roll`."""

from __future__ import annotations

import secrets

from opcode_core import Effect, Output, Params, action
from pydantic import Field


class RollParams(Params):
    """What `dice.roll` takes."""

    dice: int = Field(default=1, ge=1, le=100, description="How many dice are thrown.")
    sides: int = Field(default=6, ge=2, le=1000, description="How many sides each of them has.")


class RollOutput(Output):
    """What `dice.roll` gives."""

    rolls: list[int] = Field(description="What each of the dice shows.")
    total: int = Field(description="What they show together.")


@action("dice.roll", effect=Effect.PURE)
def roll(params: RollParams) -> RollOutput:
    """Throw dice.

    Each shows 1 to `sides` with equal chances.
    """
    rolls = [1 + secrets.randbelow(params.sides) for _ in range(params.dice)]
    return RollOutput(rolls=rolls, total=sum(rolls))
