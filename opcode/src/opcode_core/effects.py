"""What running a step twice does, as far as its parameters are known before it runs."""

from __future__ import annotations

from typing import Any

from opcode_core.actions import Action, Effect
from opcode_core.references.tree import Node, child


class _UnknownParameterError(Exception):
    """An effect hangs on a parameter that only a reference brings."""


class _KnownParams:
    """The parameters that the definition itself gives, and the defaults of those it leaves out.

    Args:
        action: The action.
        tree: Its parameters, compiled.
    """

    def __init__(self, action: Action, tree: Node) -> None:
        self._action = action
        self._tree = tree

    def __getattr__(self, name: str) -> Any:
        node = child(self._tree, name)
        if node is None:
            field = self._action.params.model_fields.get(name)
            if field is None or field.is_required():
                raise _UnknownParameterError(name)
            return field.get_default(call_default_factory=True)
        if node.sources:
            raise _UnknownParameterError(name)
        return node.resolve({})


def known_effect(action: Action, tree: Node) -> Effect:
    """The effect of an action with these parameters; `unsafe` when it hangs on what a reference brings."""
    if isinstance(action.effect, Effect):
        return action.effect
    try:
        return action.effect(_KnownParams(action, tree))
    except _UnknownParameterError:
        return Effect.UNSAFE
