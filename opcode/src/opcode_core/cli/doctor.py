"""`opcode doctor`: whether everything a server needs is there, and what keeps its commands in bounds."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

from opcode_core.cli.text import FAILED, console, plain, print_json
from opcode_core.cli.version import core_version
from opcode_core.logs import configure
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.inspection import Finding
from opcode_core.plugins.registry import Registry
from opcode_core.settings import Settings, SettingsError, load_settings

_COLOURS = {"ok": "green", "off": "cyan", "warning": "yellow", "broken": "red"}
_LIBRARIES = ("aiosqlite", "mcp", "orjson", "pluggy", "pydantic")
_EARLIEST = 1_735_689_600  # 2025-01-01: an earlier clock was never set


def show_health(*, as_json: bool) -> None:
    """Look at everything; end the command with 1 when something is broken."""
    configure("error")
    sections = {title: list(findings) for title, findings in _sections()}
    broken = any(one.state == "broken" for findings in sections.values() for one in findings)
    if as_json:
        shown = {
            title: [dataclasses.asdict(one) for one in findings]
            for title, findings in sections.items()
        }
        print_json({"healthy": not broken, **shown})
    else:
        _show(sections)
    if broken:
        raise SystemExit(FAILED)


def _sections() -> Iterator[tuple[str, Iterator[Finding]]]:
    yield "versions", _versions()
    try:
        settings = load_settings()
    except SettingsError as error:
        lines = str(error).split("\n")
        yield "settings", (Finding("settings", "broken", line) for line in lines)
        return
    registry = load_plugins(settings)
    yield "settings", _settings(settings)
    yield "plugins", _plugins(registry)
    yield from _checkups(registry, settings)
    yield "database", _database(settings)
    yield "limits", _limits(settings)
    yield "clock", _clock()


def _versions() -> Iterator[Finding]:
    yield Finding("opcode", "ok", core_version())
    yield Finding(
        "python", "ok", f"{platform.python_version()} ({platform.python_implementation()})"
    )
    yield Finding("sqlite", "ok", sqlite3.sqlite_version)
    yield Finding("system", "ok", f"{platform.system()} {platform.release()} {platform.machine()}")
    for name in _LIBRARIES:
        try:
            yield Finding(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "broken", f"not installed: pip install {name}")


def _settings(settings: Settings) -> Iterator[Finding]:
    if settings.file is None:
        yield Finding("file", "off", f"there is no {settings.db_path.parent / 'opcode.toml'}")
    else:
        yield Finding("file", "ok", str(settings.file))
    for name in sorted(settings.values):
        yield Finding(name, "ok", str(settings.values[name]))


def _plugins(registry: Registry) -> Iterator[Finding]:
    for one in registry.records:
        state = {"loaded": "ok", "disabled": "off", "not allowed": "off"}.get(one.status, "warning")
        text = f"{one.distribution} {one.version}: {one.status}"
        text += f", {one.reason}" if one.reason else ""
        yield Finding(one.name, state, text)  # type: ignore[arg-type] # one of the states


def _checkups(registry: Registry, settings: Settings) -> Iterator[tuple[str, Iterator[Finding]]]:
    for plugin, check in registry.checkups:
        try:
            yield plugin, iter(list(check(settings.values.get)))
        except Exception as error:  # noqa: BLE001 - a plugin's own fault is a finding like any other
            text = f"its checkup failed: {type(error).__name__}"
            yield plugin, iter([Finding("checkup", "warning", text)])


def _database(settings: Settings) -> Iterator[Finding]:
    from opcode_core.store.sqlite.checkup import check_database

    yield from check_database(settings.db_path)
    safe = "survive a power cut" if settings.durability == "full" else "may be lost by a power cut"
    yield Finding("durability", "ok", f"{settings.durability}: the last commits {safe}")


def _limits(settings: Settings) -> Iterator[Finding]:
    yield Finding("pool_size", "ok", str(settings.pool_size))
    for field in dataclasses.fields(settings.limits):
        yield Finding(field.name, "ok", str(getattr(settings.limits, field.name)))


def _clock() -> Iterator[Finding]:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    now = time.time()
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    state: Any = "ok" if now > _EARLIEST else "broken"
    yield Finding("now", state, shown if state == "ok" else f"{shown}: the clock was never set")
    offset = time.localtime(now).tm_gmtoff
    yield Finding("time zone", "ok", f"{time.strftime('%Z')}, {offset / 3600:+g} h from UTC")
    try:
        ZoneInfo("Europe/Madrid")
    except ZoneInfoNotFoundError:
        text = "there are none: schedules can name UTC only; install the system's or the package `tzdata`"
        yield Finding("time zones", "warning", text)
    else:
        yield Finding("time zones", "ok", "known by name")


def _show(sections: dict[str, list[Finding]]) -> None:
    from rich.text import Text

    screen = console()
    for title, findings in sections.items():
        screen.print(Text(plain(title), style="bold"))
        for one in findings:
            screen.print(
                Text.assemble(
                    "  ",
                    (f"{one.state:8}", _COLOURS[one.state]),
                    f"{plain(one.topic):28} ",
                    (plain(one.text), "dim" if one.state == "off" else ""),
                )
            )
