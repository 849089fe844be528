"""`opcode plugins` and `opcode actions`."""

from __future__ import annotations

from typing import Any

from opcode_core.cli.text import BAD_USAGE, console, plain, print_json, stop
from opcode_core.errors import ActionUnavailableError
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.queries import describe_action
from opcode_core.settings import SettingsError, load_settings

_COLOURS = {
    "loaded": "green",
    "disabled": "yellow",
    "not allowed": "yellow",
    "refused": "red",
    "failed": "red",
}


def load_registry() -> Registry:
    """Load the plugins, or end the command because of a setting."""
    try:
        return load_plugins(load_settings())
    except SettingsError as error:
        stop(str(error), BAD_USAGE)


def show_plugins(*, as_json: bool) -> None:
    """List the plugins that were found."""
    registry = load_registry()
    counts: dict[str, int] = {}
    for name in registry.actions:
        owner = registry.owner_of_action(name)
        counts[owner] = counts.get(owner, 0) + 1
    rows = [
        {
            "name": record.name,
            "distribution": record.distribution,
            "version": record.version,
            "status": record.status,
            "reason": record.reason,
            "actions": counts.get(record.name, 0) if record.status == "loaded" else 0,
        }
        for record in registry.records
    ]
    if as_json:
        print_json({"plugins": rows})
        return
    listed = table("name", "distribution", "version", "status", "actions", "reason")
    for row in rows:
        colour = _COLOURS[str(row["status"])]
        listed.add_row(
            cell(row["name"]),
            cell(row["distribution"]),
            cell(row["version"]),
            cell(row["status"], colour),
            str(row["actions"] or ""),
            cell(row["reason"]),
        )
    console().print(listed)


def show_actions(name: str | None, *, as_json: bool) -> None:
    """List the actions there are, or describe one."""
    registry = load_registry()
    if name is not None:
        _show_action(registry, name, as_json=as_json)
        return
    described = [_described(registry, action) for action in registry.usable_actions()]
    if as_json:
        print_json({"actions": described})
        return
    listed = table("action", "effect", "plugin", "what it does")
    for action in described:
        first = action["description"].split("\n\n")[0].replace("\n", " ")
        listed.add_row(
            cell(action["name"], "bold"),
            cell(action["effect"]),
            cell(action["plugin"]),
            cell(first),
        )
    console().print(listed)


def _described(registry: Registry, name: str) -> dict[str, Any]:
    return describe_action(registry.actions[name], registry.owner_of_action(name))


def _show_action(registry: Registry, name: str, *, as_json: bool) -> None:
    try:
        registry.action(name)
    except ActionUnavailableError as error:
        stop(error.message, BAD_USAGE)
    described = _described(registry, name)
    if as_json:
        print_json(described)
        return
    screen = console()
    screen.print(cell(f"{name}  ({described['effect']}, plugin {described['plugin']})", "bold"))
    screen.print(cell(described["description"], lines=True))
    screen.print()
    _print_members(screen, "parameter", described["params"])
    if "output" in described:
        screen.print()
        _print_members(screen, "output", described["output"])


def _print_members(screen: Any, title: str, schema: dict[str, Any]) -> None:
    listed = table(title, "type", "default", "what it is")
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        default = "required" if name in required and title == "parameter" else _default(member)
        listed.add_row(
            cell(name, "bold"),
            cell(_type(member)),
            cell(default),
            cell(member.get("description", "")),
        )
    screen.print(listed)


def _default(member: dict[str, Any]) -> str:
    if "default" not in member or member["default"] in (None, [], {}):
        return ""
    from opcode_core.jsonio import compact_json

    return compact_json(member["default"])


def _type(member: dict[str, Any]) -> str:
    if "enum" in member:
        return " | ".join(str(choice) for choice in member["enum"])
    if "anyOf" in member:
        return " | ".join(dict.fromkeys(_type(choice) for choice in member["anyOf"]))
    if "$ref" in member or "oneOf" in member:
        return "object"
    return str(member.get("type", "any"))


def table(*columns: str) -> Any:
    """A table for a terminal, without lines."""
    from rich.box import SIMPLE
    from rich.table import Table

    made = Table(box=SIMPLE, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(
            column, overflow="fold", no_wrap=column in ("name", "action", "effect", "status")
        )
    return made


def cell(text: object, style: str = "", *, lines: bool = False) -> Any:
    """A text from outside as it may stand on a terminal; see `plain`."""
    from rich.text import Text

    return Text(plain(text, lines=lines), style=style)
