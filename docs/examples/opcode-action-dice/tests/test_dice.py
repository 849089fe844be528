"""The example plugin through the real engine; that `dice.roll` keeps the contract is tested by pyproject.toml."""

from __future__ import annotations

from typing import Any

import opcode_action_dice as plugin
import pytest
from opcode_action_dice.pips import PipsEngine
from opcode_action_dice.roll import roll
from opcode_core import ExpressionLimits, ExpressionSyntaxError, ValidationError
from opcode_core.testing import ActionRunner, run_definition


def test_dice_show_one_of_their_sides() -> None:
    with ActionRunner(roll) as runner:
        output = runner.run({"dice": 100, "sides": "${{inputs.n}}"}, variables={"inputs": {"n": 3}})
    assert set(output.output["rolls"]) == {1, 2, 3}
    assert output.output["total"] == sum(output.output["rolls"])


@pytest.mark.parametrize("params", [{"dice": 0}, {"sides": 1}, {"dice": "2"}, {"colour": "red"}])
def test_what_are_no_dice_is_refused(params: dict[str, Any]) -> None:
    with ActionRunner(roll) as runner:
        assert [problem.path for problem in runner.problems(params)] == [f"/{next(iter(params))}"]


def test_an_expression_that_is_none_says_how_one_is_written() -> None:
    with pytest.raises(ExpressionSyntaxError, match="write a path"):
        PipsEngine(ExpressionLimits()).compile("roll the dice")


def test_a_game() -> None:
    steps = [
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
    ]
    ran = run_definition({"steps": steps}, plugins=[plugin])
    assert ran.status == "completed"
    assert ran.output_of("score") == {
        "totals": {"ann": ran.output_of("throw")["total"], "bob": 1},
        "winner": "ann",
    }
    assert ran.steps["bonus"]["status"] == "skipped"


def test_what_is_wrong_is_told_when_the_definition_is_made() -> None:
    steps = [
        {"id": "a", "type": "scoreboard", "config": {"player": {}}},
        {"id": "b", "action": "dice.roll", "condition": {"pips": "steps.nobody.rolls > 1"}},
    ]
    with pytest.raises(ValidationError) as caught:
        run_definition({"steps": steps}, plugins=[plugin])
    issues = (caught.value.details or {})["issues"]
    assert [(issue["path"], issue["code"]) for issue in issues] == [
        ("/steps/0/config/players", "MISSING_FIELD"),
        ("/steps/1/condition/pips", "UNKNOWN_REFERENCE"),
    ]
