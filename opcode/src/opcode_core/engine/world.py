"""What the parts of the interpreter share about one workflow."""

from __future__ import annotations

from typing import Protocol

from opcode_core.engine.frames import Frame
from opcode_core.engine.runtime import Runtime
from opcode_core.engine.waiting import Waits
from opcode_core.engine.workflow import WorkflowRun


class NestedRunner(Protocol):
    """Runs lists of nested steps."""

    async def in_sequence(self, frame: Frame) -> None:
        """Run steps one after the other."""
        ...


class World:
    """A workflow, its runtime, who waits in it, and who runs its nested lists.

    Attributes:
        run: The workflow.
        runtime: Clock, disk, threads.
        waits: Who waits in it.
        lists: Runs nested lists; set by who makes it.
    """

    __slots__ = ("lists", "run", "runtime", "waits")

    lists: NestedRunner

    def __init__(self, run: WorkflowRun, runtime: Runtime, waits: Waits) -> None:
        self.run = run
        self.runtime = runtime
        self.waits = waits
