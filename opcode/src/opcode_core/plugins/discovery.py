"""Finding plugins by the metadata of installed distributions, deciding, and only then importing.

Nothing of a plugin that is disabled or not allowed is ever imported. One that fails, misspells a hook or claims a taken
name is left out alone; what became of each is recorded.
"""

from __future__ import annotations

import fnmatch
import importlib.metadata
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pluggy

from opcode_core.logs import logger
from opcode_core.plugins import hookspecs
from opcode_core.plugins.registry import (
    RESERVED,
    Contribution,
    NameTakenError,
    PluginRecord,
    PluginStatus,
    Registry,
)
from opcode_core.settings import Settings

_HOOKS: dict[str, Callable[[Contribution], Callable[..., None]]] = {
    "opcode_register_actions": lambda staged: staged.actions.append,
    "opcode_register_step_types": lambda staged: staged.step_types.append,
    "opcode_register_rules": lambda staged: lambda kind, judge: staged.rules.append((kind, judge)),
    "opcode_register_checkups": lambda staged: staged.checkups.append,
    "opcode_register_expression_engines": lambda staged: (
        lambda name, make: staged.engines.append((name, make))
    ),
}


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    distribution: str
    version: str
    entry: importlib.metadata.EntryPoint

    def named_by(self, patterns: Iterable[str]) -> bool:
        return any(
            fnmatch.fnmatchcase(self.name, pattern)
            or fnmatch.fnmatchcase(self.distribution, _normalised(pattern))
            for pattern in patterns
        )

    def record(self, status: PluginStatus, reason: str = "") -> PluginRecord:
        return PluginRecord(self.name, self.distribution, self.version, status, reason)


def load_plugins(settings: Settings) -> Registry:
    """Load every plugin that policy lets load.

    Args:
        settings: what `plugins_…` and `actions_…` say is obeyed; the registry carries the limits.

    Returns:
        The registry, with a record for each plugin that was found.
    """
    manager = pluggy.PluginManager(hookspecs.GROUP)
    manager.add_hookspecs(hookspecs)
    registry = Registry(settings.actions_deny, settings.actions_allow, settings.limits)
    for found in _find():
        record = _decide(found, settings) or _load(manager, registry, found)
        registry.records.append(record)
        if record.status in ("failed", "refused"):
            logger.warning(
                "plugin left out",
                extra={
                    "data": {
                        "plugin": found.name,
                        "distribution": found.distribution,
                        "reason": record.reason,
                    }
                },
            )
    return registry


def _find() -> list[_Found]:
    """Every plugin there is, owners of reserved names first, each once."""
    found: dict[tuple[str, str], _Found] = {}
    for entry in importlib.metadata.entry_points(group=hookspecs.GROUP):
        if entry.dist is not None:
            name = _normalised(entry.dist.name)
            found.setdefault(
                (entry.name, name), _Found(entry.name, name, entry.dist.version, entry)
            )
    return sorted(
        found.values(),
        key=lambda one: (RESERVED.get(one.name) != one.distribution, one.name, one.distribution),
    )


def _normalised(distribution: str) -> str:
    """The name of a distribution as PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _decide(found: _Found, settings: Settings) -> PluginRecord | None:
    """The record of a plugin that may not load; None when it may."""
    if found.named_by(settings.plugins_disable):
        return found.record("disabled", "by policy: plugins.disable names it")
    if settings.plugins_allow is not None and not found.named_by(settings.plugins_allow):
        return found.record("not allowed", "by policy: plugins.allow does not name it")
    owner = RESERVED.get(found.name)
    if owner is not None and owner != found.distribution:
        return found.record("refused", f"the name `{found.name}` belongs to {owner}")
    return None


def _load(manager: pluggy.PluginManager, registry: Registry, found: _Found) -> PluginRecord:
    rival = next(
        (one for one in registry.records if one.name == found.name and one.status == "loaded"), None
    )
    if rival is not None:
        return found.record(
            "refused", f"the name `{found.name}` is already taken by {rival.distribution}"
        )
    try:
        plugin = found.entry.load()
        manager.register(plugin, name=found.name)
        manager.check_pending()
        contribution = _contribution(manager, plugin, found.name)
        _refuse_reserved(contribution, found)
        registry.take(contribution)
    except NameTakenError as error:
        _unregister(manager, found.name)
        return found.record("refused", str(error))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        _unregister(manager, found.name)
        logger.debug("plugin failed", exc_info=True)
        return found.record("failed", f"{type(error).__name__}: {error}")
    return found.record("loaded")


def _refuse_reserved(contribution: Contribution, found: _Found) -> None:
    """Refuse actions of a family that belongs to another distribution, also when that is disabled or not installed."""
    for action in contribution.actions:
        family = action.name.partition(".")[0]
        if RESERVED.get(family, found.distribution) != found.distribution:
            raise NameTakenError("action", action.name, family, found.name)


def _contribution(manager: pluggy.PluginManager, plugin: Any, name: str) -> Contribution:
    staged = Contribution(name)
    others = [other for other in manager.get_plugins() if other is not plugin]
    for hook, registrar in _HOOKS.items():
        manager.subset_hook_caller(hook, others)(register=registrar(staged))
    return staged


def _unregister(manager: pluggy.PluginManager, name: str) -> None:
    if manager.has_plugin(name):
        manager.unregister(name=name)
