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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from opcode_core.lent import ActionSource
from opcode_core.model.problems import Problem


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
        waits: Whether it waits for others: it holds no place in the pool then, and is called again to go on.
        never_returns: Whether it always fails: its author annotates what it returns as `NoReturn`.
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
    waits: bool = False
    never_returns: bool = False

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
    waits: bool = False,
) -> Callable[[Callable[..., Any]], Action]:
    """Make an action of a function.

    Args:
        name: `family.verb`, lower-case.
        effect: What running it twice does; a function of the parameters when it depends on them.
        blocking: Call the (plain) function in a thread.
        secrets: Names of parameters that may hold secrets.
        touches: Parameter name → what of the outside world its value names.
        check: Further checks when a definition uses the action.
        waits: It is awaited, waits for others, holds no place in the pool, and is called again to go on.

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
            waits=waits,
            never_returns=typing.get_type_hints(function).get("return") is typing.NoReturn,
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
