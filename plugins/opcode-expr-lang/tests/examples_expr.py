"""What the contract suite calls `expr.eval` with."""

from __future__ import annotations

from opcode_core.testing import Example, Room


def examples(room: Room) -> dict[str, list[Example]]:
    """Expressions that read variables and data, and one that fails."""
    given = {"steps": {"count": {"n": 2}}, "inputs": {"least": 1}}
    return {
        "expr.eval": [
            Example({"expression": "1 + 1"}),
            Example({"expression": "steps.count.n > inputs.least"}, variables=given),
            Example({"expression": "filter(data, # > 1)", "data": [1, 2, 3]}),
            Example({"expression": "data.n + 1", "data": {"n": "one"}}, fails="EXECUTION_ERROR"),
        ]
    }
