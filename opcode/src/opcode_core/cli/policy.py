"""`opcode policy check`: what the settings say, and what they would say to the steps of a definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from opcode_core.cli.files import read_definition
from opcode_core.cli.text import BAD_USAGE, FAILED, console, plain, print_json, stop
from opcode_core.cli.validate import problem_json, show_problems
from opcode_core.errors import OpcodeError
from opcode_core.model.answers import with_nested
from opcode_core.model.definition import Plan
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings, SettingsError, load_settings

_COLOURS = {"allowed": "green", "depends on data": "yellow", "refused": "red"}


@dataclass(frozen=True, slots=True)
class Judged:
    """What policy says about something a step names.

    Attributes:
        step: The step's id, after those of the steps around it.
        kind: What kind of thing it is.
        value: What the definition names.
        verdict: Whether it may be touched, as far as that can be said before it runs.
        reason: Why not.
        rule: The setting that says so.
    """

    step: str
    kind: str
    value: Any
    verdict: Literal["allowed", "depends on data", "refused"]
    reason: str = ""
    rule: str = ""


class _Policy:
    """The settings, as rules ask for them."""

    def __init__(self, settings: Settings) -> None:
        self.working_directory = str(Path.cwd())
        self._settings = settings

    def setting(self, name: str) -> Any:
        return self._settings.values.get(name)


def check_policy(name: str | None, *, as_json: bool) -> None:
    """Check the settings and perhaps a definition.

    Ends the command with 2 when the settings cannot be used or the definition would be refused, with 1 when one of its
    steps would be.
    """
    try:
        settings = load_settings()
    except SettingsError as error:
        stop(str(error), BAD_USAGE)
    registry = load_plugins(settings)
    if name is None:
        _show_settings(settings, registry, as_json=as_json)
        return
    file = read_definition(name)
    diagnosis = diagnose(file.definition, registry, **file.arguments)
    if diagnosis.plan is None:
        if as_json:
            issues = [problem_json(file, one) for one in diagnosis.problems]
            print_json({"valid": False, "issues": issues, "touches": []})
        else:
            show_problems(file, diagnosis.problems)
        raise SystemExit(BAD_USAGE)
    judged = list(judge_plan(diagnosis.plan, registry, settings))
    if as_json:
        print_json({"valid": True, "issues": [], "touches": [asdict(one) for one in judged]})
    else:
        _show(judged)
    if any(one.verdict == "refused" for one in judged):
        raise SystemExit(FAILED)


def judge_plan(plan: Plan, registry: Registry, settings: Settings) -> Iterator[Judged]:
    """What policy says about all that the steps of a definition name, nested ones and hooks included."""
    policy = _Policy(settings)
    for steps in (plan.steps, plan.on_complete, plan.on_error):
        for step in () if steps is None else steps.steps.values():
            for one in with_nested(step):
                inside = one.id if one is step else f"{step.id}.*.{one.id}"
                for touch in one.type.touches():
                    yield _judged(inside, touch, registry, policy)


def _judged(step: str, touch: dict[str, Any], registry: Registry, policy: _Policy) -> Judged:
    kind, value = touch["kind"], touch["value"]
    if not touch["certain"] or not isinstance(value, str):
        return Judged(step, kind, value, "depends on data")
    for ruled, judge in registry.rules:
        if ruled != kind:
            continue
        try:
            judge(value, policy)
        except OpcodeError as error:
            rule = str((error.details or {}).get("rule", ""))
            return Judged(step, kind, value, "refused", error.message, rule)
    return Judged(step, kind, value, "allowed")


def _show_settings(settings: Settings, registry: Registry, *, as_json: bool) -> None:
    file = None if settings.file is None else str(settings.file)
    refused = {one.name: one.reason for one in registry.records if one.status != "loaded"}
    denied = {name: registry.denied_by(name) for name in sorted(registry.actions)}
    denied = {name: rule for name, rule in denied.items() if rule is not None}
    values = dict(sorted(settings.values.items()))
    if as_json:
        print_json({"file": file, "plugins": refused, "actions": denied, "settings": values})
        return
    screen = console()
    screen.print(plain(f"file: {file or 'none'}"), markup=False)
    for title, rows in (
        ("plugins left out", refused),
        ("actions denied", denied),
        ("settings", values),
    ):
        screen.print(f"{title}: {'' if rows else 'none'}")
        for name, value in rows.items():
            screen.print(plain(f"  {name}: {value}"), markup=False)


def _show(judged: list[Judged]) -> None:
    from rich.text import Text

    screen = console()
    if not judged:
        screen.print("no step names anything outside of the workflow", style="green")
    for one in judged:
        screen.print(
            Text.assemble(
                (f"{one.verdict:16}", _COLOURS[one.verdict]),
                (f"{plain(one.step):20} ", "bold"),
                f"{one.kind} {plain(one.value)}",
                (f"  {plain(one.reason)}" if one.reason else "", "dim"),
            )
        )
