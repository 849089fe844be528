"""`scoreboard`: a step that adds up dice and names the winner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opcode_core import (
    NOT_NOW,
    Problem,
    StepContext,
    StepSource,
    StepType,
    ValidationError,
    pointer,
)


class Scoreboard(StepType):
    """Compares players.

    Args:
        source: The step: `config.players` has the dice of each player, by name.
    """

    name = "scoreboard"
    fields = frozenset({"config"})

    def __init__(self, source: StepSource) -> None:
        config = source.raw.get("config")
        players = config.get("players") if isinstance(config, Mapping) else None
        if not isinstance(players, Mapping) or not players:
            at = pointer(source.pointer, "config", "players")
            source.report(Problem(at, "MISSING_FIELD", "`players` is missing: who has which dice"))
        self._players = source.template(players, "config", "players")

    @property
    def in_place(self) -> bool:
        """It never waits, so it needs no task of its own."""
        return True

    def execute_now(self, step: StepContext) -> Any:
        """Add up and compare, unless the dice cannot be had at once."""
        players = step.resolve_now(self._players)
        return players if players is NOT_NOW else _compared(players)

    async def execute(self, step: StepContext) -> Any:
        """Do the same where the engine has to wait for something around the step."""
        return _compared(await step.resolve(self._players))


def _compared(players: Mapping[str, Any]) -> dict[str, Any]:
    totals = {name: _sum(name, dice) for name, dice in players.items()}
    best = max(totals.values())
    leaders = [name for name, total in totals.items() if total == best]
    return {"totals": totals, "winner": leaders[0] if len(leaders) == 1 else None}


def _sum(player: str, dice: Any) -> int:
    if not isinstance(dice, list) or not all(type(die) is int for die in dice):
        raise ValidationError(f"the dice of `{player}` must be a list of integers")
    return sum(dice)
