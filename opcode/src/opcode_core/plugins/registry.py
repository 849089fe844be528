"""What the loaded plugins brought: actions, step types, expression engines, and who owns each name."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from opcode_core.errors import ActionUnavailableError
from opcode_core.settings import Limits
from opcode_core.suggest import did_you_mean

if TYPE_CHECKING:
    from opcode_core.actions import Action, TouchKind
    from opcode_core.expressions import ExpressionEngine, ExpressionLimits
    from opcode_core.plugins.inspection import Checkup, Judge
    from opcode_core.steps import StepType

RESERVED = {
    "assert": "opcode-action-assert",
    "cel": "opcode-expr-cel",
    "crypto": "opcode-action-crypto",
    "expr": "opcode-expr-lang",
    "fs": "opcode-action-fs",
    "http": "opcode-action-http",
    "jq": "opcode-expr-jq",
    "shell": "opcode-action-shell",
    "steps": "opcode-steps",
    "workflow": "opcode-action-workflow",
}
"""Names that belong to one distribution, installed or not: nobody else's plugin may pose as `shell`."""

PluginStatus = Literal["loaded", "disabled", "not allowed", "refused", "failed"]


class NameTakenError(Exception):
    """Two plugins claim one name."""

    def __init__(self, kind: str, name: str, owner: str, claimant: str) -> None:
        super().__init__(
            f"{kind} `{name}` of plugin `{claimant}` is already provided by plugin `{owner}`"
        )


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """What became of one plugin that was found.

    Attributes:
        name: Its name: the key of its entry point.
        distribution: The distribution that has the entry point.
        version: That distribution's version.
        status: Whether it was loaded, and if not, in which way not.
        reason: Why not, for people; empty when it was loaded.
    """

    name: str
    distribution: str
    version: str
    status: PluginStatus
    reason: str = ""


@dataclass(slots=True)
class Contribution:
    """What one plugin registers, before it is taken in."""

    plugin: str
    actions: list[Action] = field(default_factory=list)
    step_types: list[type[StepType]] = field(default_factory=list)
    engines: list[tuple[str, Callable[[ExpressionLimits], ExpressionEngine]]] = field(
        default_factory=list
    )
    rules: list[tuple[TouchKind, Judge]] = field(default_factory=list)
    checkups: list[Checkup] = field(default_factory=list)


class Registry:
    """All actions, step types and engines, by name.

    Args:
        deny: Patterns of action names that policy denies, such as `shell.*`.
        allow: Patterns of the only action names that policy allows; None for all.
        limits: How large definitions may get.
    """

    def __init__(
        self,
        deny: Iterable[str] = (),
        allow: Iterable[str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.records: list[PluginRecord] = []
        self.actions: dict[str, Action] = {}
        self.step_types: dict[str, type[StepType]] = {}
        self.rules: list[tuple[TouchKind, Judge]] = []
        self.checkups: list[tuple[str, Checkup]] = []
        self._engines: dict[str, Callable[[ExpressionLimits], ExpressionEngine]] = {}
        self._made: dict[str, ExpressionEngine] = {}
        self._deny = tuple(deny)
        self._allow = None if allow is None else tuple(allow)
        self._owners: dict[tuple[str, str], str] = {}

    def take(self, contribution: Contribution) -> None:
        """Take in what a plugin registered: all of it, or nothing.

        Raises:
            NameTakenError: One of its names is taken.
        """
        claims = [
            *(("action", action.name) for action in contribution.actions),
            *(("step type", step_type.name) for step_type in contribution.step_types),
            *(("expression engine", name) for name, _ in contribution.engines),
        ]
        claimed: set[tuple[str, str]] = set()
        for claim in claims:
            owner = contribution.plugin if claim in claimed else self._owners.get(claim)
            if owner is not None:
                raise NameTakenError(*claim, owner, contribution.plugin)
            claimed.add(claim)
        self._owners.update(dict.fromkeys(claims, contribution.plugin))
        self.actions.update((action.name, action) for action in contribution.actions)
        self.step_types.update((kind.name, kind) for kind in contribution.step_types)
        self._engines.update(contribution.engines)
        self.rules += contribution.rules
        self.checkups += [(contribution.plugin, check) for check in contribution.checkups]

    def owner_of_action(self, name: str) -> str:
        """The plugin that brought an action."""
        return self._owners["action", name]

    def action(self, name: str) -> Action:
        """An action that may be used.

        Raises:
            ActionUnavailableError: It is unknown, its plugin did not load, or policy denies it.
        """
        rule = self.denied_by(name)
        if rule is not None:
            raise ActionUnavailableError(f"action `{name}` is denied by policy: {rule}")
        found = self.actions.get(name)
        if found is not None:
            return found
        family = name.partition(".")[0]
        for record in self.records:
            if record.name == family and record.status != "loaded":
                raise ActionUnavailableError(
                    f"action `{name}` is provided by plugin `{record.name}`, which {_verb(record)}"
                )
        if family in RESERVED and all(record.name != family for record in self.records):
            raise ActionUnavailableError(
                f"action `{name}` is not installed: the package `{RESERVED[family]}` brings it "
                f"(pip install {RESERVED[family]})"
            )
        raise ActionUnavailableError(
            f"there is no action `{name}`{did_you_mean(name, self.usable_actions())}"
        )

    def denied_by(self, name: str) -> str | None:
        """The rule that denies an action, in words; None when none does."""
        for pattern in self._deny:
            if fnmatch.fnmatchcase(name, pattern):
                return f"actions.deny has `{pattern}`"
        if self._allow is None or any(fnmatch.fnmatchcase(name, one) for one in self._allow):
            return None
        return "actions.allow does not name it"

    def usable_actions(self) -> list[str]:
        """The names of the actions that may be used, in order."""
        return sorted(name for name in self.actions if self.denied_by(name) is None)

    def engine_names(self) -> list[str]:
        """The names of the expression engines, in order."""
        return sorted(self._engines)

    def engine(self, name: str) -> ExpressionEngine | None:
        """An expression engine, made when it is first asked for; None when no plugin brought it."""
        engine = self._made.get(name)
        if engine is None and name in self._engines:
            engine = self._made[name] = self._engines[name](self.limits.expressions)
        return engine


def _verb(record: PluginRecord) -> str:
    if record.status == "disabled":
        return "is disabled by policy (rule: plugins.disable)"
    if record.status == "not allowed":
        return "is not allowed by policy (rule: plugins.allow)"
    return f"could not be loaded: {record.reason}"
