"""Running one action as the engine does, with whatever it is lent said by a test."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from opcode_core.actions import Action
from opcode_core.model.problems import Problem
from opcode_core.testing.attempts import GRACE, Attempt, Outcome
from opcode_core.testing.context import RecordedContext, Shelf
from opcode_core.testing.parameters import problems_of
from opcode_core.testing.playing import play
from opcode_core.testing.stage import Stage, StuckError


class ActionRunner:
    """Runs one action; a context manager.

        with ActionRunner(roll) as runner:
            assert runner.run({"dice": 2}).output["total"] >= 2
            assert runner.problems({"dice": "two"})[0].path == "/dice"

    An attempt runs on an event loop in a thread of its own, so that a test need not be `async`, and gets away from an
    action that blocks or refuses to end.

    Args:
        action: The action.
        working_directory: Where relative paths begin; a temporary folder by default.
        seconds: How long an attempt may take, whatever it is told.
    """

    def __init__(
        self, action: Action, working_directory: str | Path | None = None, seconds: float = 30.0
    ) -> None:
        self.action = action
        self._seconds = seconds
        self._own: tempfile.TemporaryDirectory[str] | None = None
        if working_directory is None:
            self._own = tempfile.TemporaryDirectory(prefix="opcode-")
            working_directory = self._own.name
        self.working_directory = Path(working_directory)
        self._shelf = Shelf()
        self._stage = Stage()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what runs and close what actions share; the context manager does it."""
        try:
            self._stage.call(self._shelf.clear, self._seconds)
        except StuckError:
            pass  # a test that saw it stuck knows already
        finally:
            self._stage.close()
            if self._own is not None:
                self._own.cleanup()

    def problems(self, params: Mapping[str, Any]) -> list[Problem]:
        """What `define` says about parameters; paths are JSON Pointers into them."""
        return problems_of(self.action, params)

    def run(self, params: Mapping[str, Any] | None = None, **how: Any) -> Outcome:
        """Run one attempt.

        Args:
            params: The parameters, with `${{ }}` if need be.
            how: The other members of `Attempt`: variables, settings, timeout, cancel_after and so on.

        Raises:
            StuckError: It blocks the event loop, or takes no notice of its timeout or cancellation.
        """
        return self.attempt(Attempt(params or {}, **how))

    def attempt(self, attempt: Attempt) -> Outcome:
        """Run one attempt that an object describes; see `run`."""
        context = self._context(attempt)
        ends = [one for one in (attempt.timeout, attempt.cancel_after) if one is not None]
        seconds = min([self._seconds, *(one + 2 * GRACE for one in ends)])
        return self._stage.call(lambda: play(self.action, attempt, context), seconds)

    def _context(self, attempt: Attempt) -> RecordedContext:
        folder = attempt.working_directory or self.working_directory
        context = RecordedContext(str(folder), self._shelf)
        context.settings = attempt.settings
        context.children = attempt.children
        context.context = dict(attempt.context)
        context.agent_id = attempt.agent_id
        context.attempt = attempt.attempt
        context.retried = attempt.retried
        return context
