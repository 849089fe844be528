"""How an action is called in a test, and what became of that."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opcode_core.errors import OpcodeError
from opcode_core.testing.context import RecordedContext

GRACE = 2.0
"""How many seconds an action may take to end when it is told to."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt.

    Attributes:
        output: What the action gave, as JSON; None when it failed.
        error: How it failed; None when it did not.
        raised: The exception behind `error`, as the action raised it.
        returned: What the action gave, as it gave it.
        context: What it was lent, with the events, log lines and changes it made.
        busy: The most seconds it kept the event loop busy at a time; for a blocking action how long it took.
        waits: How often it waited for something.
        unheeded: Whether it was told to end and gave or raised something of its own instead.
        left_tasks: How many tasks it left behind.
    """

    output: Any
    error: OpcodeError | None
    context: RecordedContext
    raised: BaseException | None = None
    returned: Any = None
    busy: float = 0.0
    waits: int = 0
    unheeded: bool = False
    left_tasks: int = 0

    @property
    def events(self) -> list[tuple[str, Any]]:
        """`(event type, payload)` of what it emitted."""
        return self.context.events

    @property
    def lines(self) -> list[tuple[str, str, Any]]:
        """`(level, message, data)` of what it logged."""
        return self.context.log.lines


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an action is called.

    Attributes:
        params: Its parameters, with `${{ }}` if need be.
        variables: What references read: `{"steps": {"a": 1}, "inputs": {…}}`.
        settings: Settings by dotted name.
        children: Template → what a child workflow of it gives.
        context: The workflow's context.
        agent_id: Who started the workflow.
        attempt: 1 for the first try.
        retried: Whether the step is tried again when it fails.
        timeout: The step's timeout in seconds; None for none.
        cancel_after: Cancelled so many seconds after it began to wait; None for not.
        cancel_when: Cancelled when this is set; None for not.
        working_directory: Where relative paths begin; the runner's by default.
    """

    params: Mapping[str, Any]
    variables: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    children: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    agent_id: str = "tester"
    attempt: int = 1
    retried: bool = False
    timeout: float | None = None
    cancel_after: float | None = None
    cancel_when: threading.Event | None = None
    working_directory: str | Path | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether it is to be cancelled at some time."""
        return self.cancel_after is not None or self.cancel_when is not None
