"""Reading the environment and the file, and saying everything that is wrong with them at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from opcode_core.durations import parse_duration
from opcode_core.model.problems import pointer
from opcode_core.relay.lock import database_path
from opcode_core.settings.kinds import Kind
from opcode_core.settings.known import KNOWN, LIMITS, PLUGINS, SANDBOX
from opcode_core.settings.model import Limits, Settings
from opcode_core.suggest import did_you_mean

_SHOWN = 60


class SettingsError(Exception):
    """Settings that cannot be used; the message says, a line each, which, what was found and what to write."""


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        environment: The variables to read; the process's own by default.

    Raises:
        SettingsError: A value cannot be used, or the file named by `OPCODE_CONFIG` is missing or is no TOML.
    """
    environment = os.environ if environment is None else environment
    db_path = Path(database_path(environment))
    path, found = _read_file(environment.get("OPCODE_CONFIG"), db_path)
    wrong = [f"{path} {problem}" for problem in _problems(found)]
    variables = _Variables(environment, wrong)
    file = {".".join(names): value for names, value in _flatten(found)}
    values = {name: value for name, value in file.items() if name in PLUGINS}
    values |= variables.plugin_settings()
    disable = [*file.get("plugins.disable", []), *variables.listed("OPCODE_DISABLED_PLUGINS")]
    made = {
        "pool_size": variables.number("OPCODE_POOL_SIZE", 10, 1, 1000),
        "log_level": variables.choice("OPCODE_LOG_LEVEL", ("info", "debug", "warn", "error")),
        "durability": variables.choice("OPCODE_DURABILITY", ("full", "normal")),
        "tool_names": variables.choice("OPCODE_TOOL_NAMES", ("auto", "dotted", "underscore")),
    }
    if wrong:
        raise SettingsError("\n".join(wrong))
    limits = {name.partition(".")[2]: file[name] for name in LIMITS if name in file}
    return Settings(
        **made,  # type: ignore[arg-type] # each is checked above
        db_path=db_path,
        plugins_allow=_tuple(file.get("plugins.allow")),
        plugins_disable=tuple(dict.fromkeys(disable)),
        actions_allow=_tuple(file.get("actions.allow")),
        actions_deny=tuple(file.get("actions.deny", ())),
        breaker_failures=file.get("breaker.failures", 5),
        breaker_seconds=file.get("breaker.seconds", 30.0),
        retention=parse_duration(file["retention"]) if "retention" in file else None,
        limits=Limits(**limits),
        values=values,
        file=path,
    )


def _tuple(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def _read_file(named: str | None, db_path: Path) -> tuple[Path | None, Mapping[str, Any]]:
    path = Path(named) if named else db_path.parent / "opcode.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if named:
            raise SettingsError(
                f"OPCODE_CONFIG names {named!r}, and there is no such file"
            ) from None
        return None, {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None
    try:
        return path, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is no TOML: {error}") from None


def _flatten(
    values: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each value with the names that lead to it; an empty table is a value."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, (*above, name))
        else:
            yield (*above, name), value


def _problems(found: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the values of a file, each with its place there."""
    for names, value in _flatten(found):
        dotted = ".".join(names)
        where = pointer("", *names)
        kind: Kind | None = KNOWN.get(dotted)
        if kind is None:
            if value == {} and any(name.startswith(f"{dotted}.") for name in KNOWN):
                continue
            yield f"{where}: there is no such setting{did_you_mean(dotted, list(KNOWN))}"
        elif not kind.accepts(value):
            shown = repr(value)
            shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
            yield f"{where}: expected {kind.expected}, found {shown}"


class _Variables:
    """The variables of the environment; an empty one is as good as none.

    Args:
        environment: All variables.
        wrong: Where problems go.
    """

    def __init__(self, environment: Mapping[str, str], wrong: list[str]) -> None:
        self._environment = environment
        self._wrong = wrong

    def plugin_settings(self) -> dict[str, Any]:
        """Those that stand for settings of plugins."""
        found: dict[str, Any] = {}
        roots = self._environment.get("OPCODE_FS_ROOTS")
        if roots:
            folders = [root for root in roots.split(os.pathsep) if root]
            found["fs.roots"] = [str(Path(folder).absolute()) for folder in folders]
        if self._environment.get("OPCODE_SANDBOX"):
            found["shell.sandbox"] = self.choice("OPCODE_SANDBOX", SANDBOX)
        return found

    def listed(self, name: str) -> list[str]:
        """The names in a list separated by commas."""
        text = self._environment.get(name) or ""
        return [item.strip() for item in text.split(",") if item.strip()]

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number in a range."""
        text = self._environment.get(name)
        if not text:
            return default
        digits = text.isascii() and text.isdigit() and len(text) <= len(str(most))
        if not digits or not least <= int(text) <= most:
            self._wrong.append(
                f"{name} is {text[:40]!r}: expected a whole number from {least} to {most}"
            )
            return default
        return int(text)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of several texts; the first when nothing is said."""
        text = self._environment.get(name) or choices[0]
        if text not in choices:
            self._wrong.append(
                f"{name} is {text[:40]!r}: expected one of {', '.join(choices)}{did_you_mean(text, choices)}"
            )
        return text
