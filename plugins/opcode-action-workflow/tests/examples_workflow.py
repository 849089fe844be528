"""What the contract suite calls those workflow actions with that it cannot call by their schemas."""

from __future__ import annotations

from opcode_core.testing import Example, Room


def examples(room: Room) -> dict[str, list[Example]]:
    """A child that is there and one that is not, the context read and changed, a reason to fail."""
    return {
        "workflow.run": [
            Example({"template_name": "child", "params": {"n": 1}}, children={"child": {"n": 2}}),
            Example({"template_name": "nobody"}, fails="NOT_FOUND"),
        ],
        "workflow.context": [
            Example({"action": "read"}, context={"phase": "one"}),
            Example({"action": "update", "data": {"phase": "two"}, "agent_notes": "on time"}),
            Example({"action": "read", "data": {"phase": "two"}}, fails="VALIDATION_ERROR"),
            Example({"action": "read", "workflow_id": "stranger"}, fails="PERMISSION_DENIED"),
        ],
        "workflow.fail": [Example({"reason": "the pump is dry"}, fails="NON_RETRYABLE")],
    }
