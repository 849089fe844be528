"""What the contract suite calls `shell.exec` with."""

from __future__ import annotations

from opcode_core.testing import Example, Room


def examples(room: Room) -> dict[str, list[Example]]:
    """A command that says nothing of what it is given, some that fail, one that never ends."""
    return {
        "shell.exec": [
            Example({"command": "true", "args": ["a", 1], "env": {"NAME": "b"}, "stdin": "c"}),
            Example({"command": "echo '{\"n\": 1}'", "shell": True}),
            Example({"command": "cat", "stdin": "c"}, shows=("stdin", "args")),
            Example({"command": "false", "fail_on_nonzero": True}, fails="EXECUTION_ERROR"),
            Example({"command": "no-such-program"}, fails="NOT_FOUND"),
            Example({"command": "sleep", "args": ["60"]}, endless=True),
        ]
    }
