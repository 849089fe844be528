"""What a plugin registers, asked of a module that need not be installed."""

from __future__ import annotations

from typing import cast

import pluggy

from opcode_core.plugins import hookspecs
from opcode_core.plugins.discovery import _HOOKS
from opcode_core.plugins.registry import Contribution


def contribution_of(plugin: object) -> Contribution:
    """Call a plugin's hooks.

    Args:
        plugin: A module or object with hooks, as an entry point would name it.

    Raises:
        ValueError: It has no hook, or a hook is misspelt.
    """
    name = cast("str", getattr(plugin, "__name__", type(plugin).__name__))
    manager = pluggy.PluginManager(hookspecs.GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name=name)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise ValueError(f"{name}: {error}") from None
    if not manager.get_hookcallers(plugin):
        raise ValueError(f"{name} has no hook: a function marked with `@hookimpl` of opcode_core")
    staged = Contribution(name)
    for hook, registrar in _HOOKS.items():
        getattr(manager.hook, hook)(register=registrar(staged))
    return staged
