"""The example plugin through the real engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydantic
import pytest
from opcode_action_dice.pips import PipsEngine
from opcode_action_dice.roll import RollParams, roll
from opcode_core import ExpressionSyntaxError
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.settings import Settings


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def run(folder: Path, steps: list[dict[str, Any]]) -> dict[str, Any]:
    settings = Settings(db_path=folder / "dice.db", plugins_allow=("steps", "dice", "cel"))
    async with open_service(settings) as service:
        await service.define(DefineRequest("game", {"steps": steps}, "tester"))
        return await service.run(RunRequest("game", "tester"))


def test_dice_show_one_of_their_sides() -> None:
    output = roll.run(RollParams(dice=100, sides=3))
    assert set(output.rolls) == {1, 2, 3}
    assert output.total == sum(output.rolls)


@pytest.mark.parametrize("params", [{"dice": 0}, {"sides": 1}, {"dice": "2"}, {"colour": "red"}])
def test_what_are_no_dice_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        RollParams.model_validate(params)


def test_an_expression_that_is_none_says_how_one_is_written() -> None:
    with pytest.raises(ExpressionSyntaxError, match="write a path"):
        PipsEngine().compile("roll the dice")


@pytest.mark.anyio
async def test_a_game(tmp_path: Path) -> None:
    answer = await run(
        tmp_path,
        [
            {"id": "throw", "action": "dice.roll", "params": {"dice": 2, "sides": 6}},
            {
                "id": "score",
                "type": "scoreboard",
                "config": {"players": {"ann": "${{steps.throw.rolls}}", "bob": [1]}},
                "depends_on": ["throw"],
            },
            {
                "id": "bonus",
                "action": "dice.roll",
                "condition": {"pips": "steps.throw.rolls > 12"},
                "depends_on": ["throw"],
            },
        ],
    )
    assert answer["status"] == "completed"
    thrown = answer["steps"]["throw"]["output"]
    assert answer["steps"]["score"]["output"] == {
        "totals": {"ann": thrown["total"], "bob": 1},
        "winner": "ann",
    }
    assert answer["steps"]["bonus"]["status"] == "skipped"


@pytest.mark.anyio
async def test_what_is_wrong_is_told_when_the_definition_is_made(tmp_path: Path) -> None:
    steps = [
        {"id": "a", "type": "scoreboard", "config": {"player": {}}},
        {"id": "b", "action": "dice.roll", "condition": {"pips": "steps.nobody.rolls > 1"}},
    ]
    with pytest.raises(Exception, match="refused") as caught:
        await run(tmp_path, steps)
    issues = getattr(caught.value, "details", {})["issues"]
    assert [(issue["path"], issue["code"]) for issue in issues] == [
        ("/steps/0/config/players", "MISSING_FIELD"),
        ("/steps/1/condition/pips", "UNKNOWN_REFERENCE"),
    ]
