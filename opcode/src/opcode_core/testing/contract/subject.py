"""What the contract suite looks at: an action, and examples of how it is called."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opcode_core.actions import Action, Effect
from opcode_core.errors import OpcodeError
from opcode_core.testing.attempts import Attempt, Outcome
from opcode_core.testing.derive import NotDerivableError, derive
from opcode_core.testing.guard import no_effects
from opcode_core.testing.http import RecordedHttp
from opcode_core.testing.parameters import resolve
from opcode_core.testing.runner import ActionRunner

_SECONDS = 10.0


class BreachError(AssertionError):
    """An action does not keep the contract; the message says how, and what to write instead."""


class NotCheckedError(Exception):
    """There is nothing to check by; the message says what would be needed."""


@dataclass(frozen=True, slots=True)
class Example:
    """How an action may be called.

    Attributes:
        params: Its parameters, with `${{ }}` if need be.
        variables: What references read: `{"steps": {"a": 1}, "inputs": {…}}`.
        settings: Settings by dotted name.
        children: Template → what a child workflow of it gives.
        context: The workflow's context.
        fails: The code of the error it is meant to fail with; None when it succeeds.
        endless: Whether it runs until it is told to end: for timeout and cancellation.
        shows: The parameters whose values its output holds on purpose, though they may be secrets.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    children: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    fails: str | None = None
    endless: bool = False
    shows: Sequence[str] = ()

    def attempt(self, params: Mapping[str, Any] | None = None, **more: Any) -> Attempt:
        """The attempt of these, or of other parameters."""
        own = {
            "variables": self.variables,
            "settings": self.settings,
            "children": self.children,
            "context": self.context,
        }
        return Attempt(self.params if params is None else params, **{**own, **more})


class Room:
    """Where examples are tried: an empty folder that is the working directory, and an HTTP server.

    Args:
        folder: The folder.
        stack: Closes the server.
    """

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._http: RecordedHttp | None = None

    @property
    def http(self) -> RecordedHttp:
        """The server; started when it is first asked for."""
        if self._http is None:
            self._http = self._stack.enter_context(RecordedHttp())
        return self._http


Examples = Callable[[Room], Mapping[str, Sequence[Example]]]
"""Makes the examples of a plugin's actions, by name, and whatever they need in the room."""


class Trial:
    """An example in a room of its own, with a runner.

    Args:
        action: The action.
        example: The example.
        room: Where it is tried.
        runner: Runs it.
        derived: Whether the example was made from the schema.

    Attributes:
        seen: What it tried to change when it was last run, if it is pure.
    """

    def __init__(
        self, action: Action, example: Example, room: Room, runner: ActionRunner, *, derived: bool
    ) -> None:
        self.action = action
        self.example = example
        self.derived = derived
        self.room = room
        self.seen: list[str] = []
        self._runner = runner

    def effect_of(self, params: Mapping[str, Any] | None = None) -> Effect:
        """Its effect with these, or the example's own, parameters.

        Raises:
            OpcodeError: They are not what the action takes.
        """
        attempt = self.example.attempt(params)
        return self.action.effect_of(resolve(self.action, attempt.params, attempt.variables))

    def run(self, params: Mapping[str, Any] | None = None, **how: Any) -> Outcome:
        """Run it once; a pure one is kept from changing anything."""
        attempt = self.example.attempt(params, working_directory=self.room.folder, **how)
        try:
            pure = self.effect_of(params) is Effect.PURE
        except OpcodeError:
            pure = True
        if not pure:
            return self._runner.attempt(attempt)
        with no_effects() as self.seen:
            return self._runner.attempt(attempt)

    def insist(self, outcome: Outcome) -> None:
        """Insist that an outcome is what the example says; one that was derived says nothing of errors.

        Raises:
            BreachError: It is not.
        """
        code = None if outcome.error is None else outcome.error.code
        if code == self.example.fails or (self.derived and isinstance(outcome.raised, OpcodeError)):
            return
        told = "succeeds" if outcome.error is None else f"fails: {code}: {outcome.error.message}"
        raise BreachError(
            f"the example {self.shown} {told}. Mend the action or the example; one that is meant to fail says "
            f'`fails="CODE"`'
        )

    @property
    def shown(self) -> str:
        """The example's parameters, short."""
        text = str(dict(self.example.params))
        return text if len(text) <= 200 else text[:200] + "…"  # noqa: PLR2004 - a line or two


@dataclass(frozen=True, slots=True)
class Subject:
    """An action under the contract.

    Attributes:
        action: The action.
        package: The plugin's module, as the configuration names it.
        examples: Makes the examples of the plugin's actions; None when it has none.
    """

    action: Action
    package: str
    examples: Examples | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its parameters."""
        return self.action.params.model_json_schema()

    def trials(self, *, endless: bool = False) -> Iterator[Trial]:
        """Each example in a room of its own.

        Args:
            endless: Whether those that run until they are told to end are among them.

        Raises:
            NotCheckedError: There is none, and none can be derived.
        """
        found = False
        with ActionRunner(self.action, seconds=_SECONDS) as runner:
            for index in itertools.count():
                with contextlib.ExitStack() as stack:
                    temporary = tempfile.TemporaryDirectory(prefix="opcode-")
                    folder = Path(stack.enter_context(temporary))
                    room = Room(folder.resolve(), stack)
                    given = self._given(room)
                    examples = given or self._derived()
                    if index >= len(examples):
                        break
                    if endless or not examples[index].endless:
                        found = True
                        yield Trial(self.action, examples[index], room, runner, derived=not given)
        if not found:
            raise NotCheckedError(self.needed("all its examples are endless"))

    def _given(self, room: Room) -> Sequence[Example]:
        return self.examples(room).get(self.action.name, ()) if self.examples is not None else ()

    def _derived(self) -> list[Example]:
        """Examples made from the schema: the required parameters, and all of them; for pure actions alone."""
        made: list[Example] = []
        why = "it has no example"
        for everything in (False, True):
            try:
                params = derive(self.schema, everything=everything)
                checked = resolve(self.action, params, {})
                if self.action.effect_of(checked) is not Effect.PURE:
                    why = "it is not pure, so it is not called with parameters that nobody chose"
                elif Example(params) not in made:
                    made.append(Example(params))
            except NotDerivableError as error:
                why = f"no parameters can be derived from its schema: {error}"
            except OpcodeError as error:
                why = f"those derived from its schema are refused: {error.message}"
        if not made:
            raise NotCheckedError(self.needed(why))
        return made

    def needed(self, why: str) -> str:
        """Say how to give an example."""
        return (
            f"{why}. Give one: `Field(examples=[…])` in its parameters, or a file named in the configuration, "
            f'`opcode_contract = ["{self.package}: tests/examples.py"]`, with `def examples(room): return '
            f'{{"{self.action.name}": [Example({{…}})]}}` (Example: opcode_core.testing)'
        )
