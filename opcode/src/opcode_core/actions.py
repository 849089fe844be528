"""What an action is, for its author.

    class HashParams(Params):
        data: Any = Field(description="What to hash.")

    class HashOutput(Output):
        hash: str

    @action("crypto.hash", effect=Effect.PURE)
    def hash_(params: HashParams) -> HashOutput:
        '''Hash `data`.'''

A function with `async def` is awaited, one with `def` is called in place (so it must be quick), one with `def` and
`blocking=True` is called in a thread. It may take a second parameter `context: ActionContext`. What it returns is an
`Output` or plain JSON; what it raises is an `OpcodeError`, anything else becomes an EXECUTION_ERROR.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from opcode_core.model.problems import Problem

_Shared = TypeVar("_Shared")


class Effect(StrEnum):
    """What happens to the world when an action is run twice."""

    PURE = "pure"
    """Nothing: it only computes, or reads."""
    IDEMPOTENT = "idempotent"
    """The same as when it is run once."""
    UNSAFE = "unsafe"
    """Something else: it is never repeated without consent."""


class Params(BaseModel):
    """The parameters of an action: unknown ones and wrong types are refused, nothing is converted."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=False
    )


class Output(BaseModel):
    """What an action gives: a JSON object with declared fields."""

    model_config = ConfigDict(extra="forbid")


class NoParams(Params):
    """The parameters of an action that takes none."""


TouchKind = Literal["host", "path", "command", "secret", "template"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text parameter and where it came from.

    Attributes:
        text: The piece, as text.
        sources: The namespaces that wrote it (`steps`, `inputs`, …); empty when the definition itself did.
    """

    text: str
    sources: frozenset[str]


class Provenance(Protocol):
    """Where the values of an action's parameters came from."""

    def sources(self, *path: str | int) -> frozenset[str]:
        """The namespaces that wrote into the parameter at `path`, or below it; empty for a literal."""
        ...

    def segments(self, *path: str | int) -> tuple[Segment, ...]:
        """The pieces of the text parameter at `path`, in order; one piece for a literal or a single reference."""
        ...


class ActionSource(Protocol):
    """An action step as the definition has it, for an action's own checks at define."""

    pointer: str
    """JSON Pointer of the step's `params`."""
    params: Mapping[str, Any]
    """The parameters as written, with their `${{ }}`."""

    def references(self, *path: str | int) -> bool:
        """Whether the value at `path`, or anything below it, holds a reference."""
        ...

    def compile(
        self, engine: str, source: str, *path: str | int, extra: Mapping[str, str] | None = None
    ) -> object:
        """Compile an expression that stands at `path`, as it is written; what is wrong with it is reported there.

        `extra` has the names of variables that the action brings, each with the variable it stands for.
        """
        ...


class StepLog(Protocol):
    """The structured log, with the ids of workflow, step and agent already in it."""

    def log(self, level: str, message: str, data: Any = None) -> None:
        """Write one line at `debug`, `info`, `warn` or `error`."""
        ...


class ActionContext(Protocol):
    """What the engine lends an action for one attempt."""

    @property
    def workflow_id(self) -> str:
        """The workflow."""
        ...

    @property
    def step_id(self) -> str:
        """The step's full id."""
        ...

    @property
    def agent_id(self) -> str:
        """Who started the workflow."""
        ...

    @property
    def attempt(self) -> int:
        """1 for the first try."""
        ...

    @property
    def retried(self) -> bool:
        """Whether the step is tried again when it fails."""
        ...

    @property
    def idempotency_key(self) -> str:
        """The same over all attempts of this step in this workflow, and different for any other."""
        ...

    @property
    def working_directory(self) -> str:
        """Relative paths start here: the folder of the process whose client started the run."""
        ...

    @property
    def provenance(self) -> Provenance:
        """Where the values of the parameters came from."""
        ...

    @property
    def log(self) -> StepLog:
        """The log, with the step's ids in it."""
        ...

    def emit(self, event_type: str, payload: Any = None) -> None:
        """Put an event of the workflow's own into its log."""
        ...

    def variables(self) -> Mapping[str, Any]:
        """`steps`, `inputs`, `workflow`, `context` and `iter` as this step sees them; read-only."""
        ...

    def setting(self, name: str) -> Any:
        """A setting by its dotted name, such as `fs.roots` (see the reference of settings); None if it is not set."""
        ...

    def protected_files(self) -> frozenset[tuple[int, int]]:
        """Device and inode numbers of the server's own files: never to be opened."""
        ...

    async def shared(
        self, key: str, make: Callable[[], _Shared], close: Callable[[_Shared], Awaitable[None]]
    ) -> _Shared:
        """An object made once for the whole process and closed with it, such as a pooled client."""
        ...


EffectOf = Callable[[Any], Effect]
Check = Callable[[ActionSource], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Action:
    """An action as the registry holds it; made by `action`.

    Attributes:
        name: `family.verb`.
        run: The author's function.
        params: The class of its parameters.
        output: The class of its output; None when it gives any JSON.
        effect: Its effect, or a function of the validated parameters that says it.
        kind: How it is called: in place, in a thread, or awaited.
        takes_params: Whether it wants its parameters.
        takes_context: Whether it wants an `ActionContext`, after them.
        document: Its docstring, dedented.
        secrets: Names of parameters that may hold secrets.
        touches: Which parameter names what of the outside world, for plans and policies.
        check: Checks of its own at define.
    """

    name: str
    run: Callable[..., Any]
    params: type[Params]
    output: type[Output] | None
    effect: Effect | EffectOf
    kind: Literal["inline", "thread", "async"]
    takes_params: bool
    takes_context: bool
    document: str
    secrets: frozenset[str] = frozenset()
    touches: Mapping[str, TouchKind] = field(default_factory=dict)
    check: Check | None = None

    @property
    def in_place(self) -> bool:
        """Whether it can run without waiting for anything, a commit included."""
        return self.kind == "inline" and self.effect is Effect.PURE

    def effect_of(self, params: Params) -> Effect:
        """Its effect when called with these parameters."""
        return self.effect if isinstance(self.effect, Effect) else self.effect(params)


def action(
    name: str,
    *,
    effect: Effect | EffectOf,
    blocking: bool = False,
    secrets: Iterable[str] = (),
    touches: Mapping[str, TouchKind] | None = None,
    check: Check | None = None,
) -> Callable[[Callable[..., Any]], Action]:
    """Make an action of a function.

    Args:
        name: `family.verb`, lower-case.
        effect: What running it twice does; a function of the parameters when it depends on them.
        blocking: Call the (plain) function in a thread.
        secrets: Names of parameters that may hold secrets.
        touches: Parameter name → what of the outside world its value names.
        check: Further checks when a definition uses the action.

    Raises:
        TypeError: The function's signature or docstring is not an action's; the message says how to write it.
    """

    def make(function: Callable[..., Any]) -> Action:
        params, output, names = _signature(name, function)
        document = inspect.getdoc(function)
        if not document:
            raise TypeError(f"action {name!r} has no docstring: it is its documentation")
        awaited = inspect.iscoroutinefunction(function)
        if awaited and blocking:
            raise TypeError(f"action {name!r} is `async def` and `blocking`: choose one")
        return Action(
            name=name,
            run=function,
            params=params,
            output=output,
            effect=effect,
            kind="async" if awaited else "thread" if blocking else "inline",
            takes_params="params" in names,
            takes_context="context" in names,
            document=document,
            secrets=frozenset(secrets),
            touches=dict(touches or {}),
            check=check,
        )

    return make


def _signature(
    name: str, function: Callable[..., Any]
) -> tuple[type[Params], type[Output] | None, list[str]]:
    hints = typing.get_type_hints(function)
    names = list(inspect.signature(function).parameters)
    if names not in ([], ["params"], ["context"], ["params", "context"]):
        raise TypeError(
            f"action {name!r} may take `params` and `context`, in this order, not {names}"
        )
    params = hints.get("params", NoParams)
    if not (isinstance(params, type) and issubclass(params, Params)):
        raise TypeError(f"`params` of action {name!r} must be annotated with a subclass of Params")
    output = hints.get("return")
    declared = output if isinstance(output, type) and issubclass(output, Output) else None
    return params, declared, names
