"""Settings: from the environment (`OPCODE_*`) and one TOML file, checked when they are read.

The file is named by `OPCODE_CONFIG`; without that it is `opcode.toml` beside the database, if there is one. What the
environment and the file disable adds up; otherwise the environment wins.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from opcode_core.durations import parse_duration
from opcode_core.model.problems import pointer
from opcode_core.relay.lock import database_path
from opcode_core.suggest import did_you_mean

_MOST = 1_000_000


class SettingsError(Exception):
    """A setting that cannot be used; the message says which, what was found and what to write."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one process.

    Attributes:
        db_path: The database file.
        pool_size: How many actions run at a time, over all workflows.
        log_level: The least that is logged: debug, info, warn or error.
        durability: `full`: a commit survives a power cut; `normal`: it survives the process, faster.
        tool_names: How the MCP tools are listed: dotted, underscore, or auto (by what the client takes).
        plugins_allow: Names of plugins or distributions that may load; None for all.
        plugins_disable: Names of plugins or distributions that may not.
        actions_deny: Patterns of action names that may not be used.
        breaker_failures: How many failures in a row open an action's circuit; 0 for never.
        breaker_seconds: How many seconds it stays open.
        retention: After how many seconds workflows that have ended are deleted, once a day; None for never.
        values: Everything else of the file and the environment, by dotted name, for the plugins it concerns.
    """

    db_path: Path = Path("opcode.db")
    pool_size: int = 10
    log_level: str = "info"
    durability: Literal["full", "normal"] = "full"
    tool_names: Literal["auto", "dotted", "underscore"] = "auto"
    plugins_allow: tuple[str, ...] | None = None
    plugins_disable: tuple[str, ...] = ()
    actions_deny: tuple[str, ...] = ()
    breaker_failures: int = 5
    breaker_seconds: float = 30.0
    retention: float | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        environment: The variables to read; the process's own by default.

    Raises:
        SettingsError: A value cannot be used, or the file named by `OPCODE_CONFIG` is missing or is no TOML.
    """
    environment = os.environ if environment is None else environment
    db_path = Path(database_path(environment))
    file = _read_file(environment.get("OPCODE_CONFIG"), db_path)
    values = dict(_flatten(file.values))
    known = {
        *("plugins.allow", "plugins.disable", "actions.deny"),
        *("breaker.failures", "breaker.seconds", "retention"),
    }
    _refuse_unknown(file, values, known)
    disable = [*file.names("plugins.disable"), *_listed(environment.get("OPCODE_DISABLED_PLUGINS"))]
    roots = environment.get("OPCODE_FS_ROOTS")
    if roots:
        values["fs.roots"] = [
            str(Path(root).absolute()) for root in roots.split(os.pathsep) if root
        ]
    return Settings(
        db_path=db_path,
        pool_size=_number(environment, "OPCODE_POOL_SIZE", 10, 1, 1000),
        log_level=_choice(environment, "OPCODE_LOG_LEVEL", ("info", "debug", "warn", "error")),
        durability=_choice(environment, "OPCODE_DURABILITY", ("full", "normal")),  # type: ignore[arg-type] # one of them
        tool_names=_choice(environment, "OPCODE_TOOL_NAMES", ("auto", "dotted", "underscore")),  # type: ignore[arg-type] # one of them
        plugins_allow=file.names("plugins.allow") if "plugins.allow" in values else None,
        plugins_disable=tuple(dict.fromkeys(disable)),
        actions_deny=file.names("actions.deny"),
        breaker_failures=int(file.number("breaker.failures", 5)),
        breaker_seconds=file.number("breaker.seconds", 30.0),
        retention=file.duration("retention"),
        values={name: value for name, value in values.items() if name not in known},
    )


@dataclass(frozen=True, slots=True)
class _File:
    path: Path | None
    values: Mapping[str, Any]

    def names(self, dotted: str) -> tuple[str, ...]:
        value = dict(_flatten(self.values)).get(dotted, [])
        if not _is_names(value):
            raise SettingsError(
                f"{self.path} {pointer('', *dotted.split('.'))}: expected a list of names such as "
                f'["shell"], found {value!r}'
            )
        return tuple(value)

    def number(self, dotted: str, default: float) -> float:
        value = dict(_flatten(self.values)).get(dotted, default)
        if (
            not isinstance(value, (int, float))
            or isinstance(value, bool)
            or not 0 <= value <= _MOST
        ):
            raise SettingsError(
                f"{self.path} {pointer('', *dotted.split('.'))}: expected a number from 0 to {_MOST}, found {value!r}"
            )
        return value

    def duration(self, dotted: str) -> float | None:
        value = dict(_flatten(self.values)).get(dotted)
        if value is None:
            return None
        try:
            seconds = parse_duration(value) if isinstance(value, str) else 0.0
        except ValueError:
            seconds = 0.0
        if not seconds:
            raise SettingsError(
                f'{self.path} {pointer("", *dotted.split("."))}: expected a duration such as "30d", found {value!r}'
            )
        return seconds


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


PLUGIN_SETTINGS: dict[str, Callable[[Any], bool]] = {
    "fs.roots": _is_names,
    "http.allow_tls_skip_verify": lambda value: isinstance(value, bool),
    "http.hosts": _is_names,
    "shell.allow_command_references": lambda value: isinstance(value, bool),
}
"""The settings that plugins read, and what their values may be."""


def _read_file(named: str | None, db_path: Path) -> _File:
    path = Path(named) if named else db_path.parent / "opcode.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if named:
            raise SettingsError(
                f"OPCODE_CONFIG names {named!r}, and there is no such file"
            ) from None
        return _File(None, {})
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None
    try:
        return _File(path, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is no TOML: {error}") from None


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat += _flatten(value, f"{prefix}{name}.")
        else:
            flat.append((prefix + name, value))
    return flat


def _refuse_unknown(file: _File, values: Mapping[str, Any], known: set[str]) -> None:
    for name, value in values.items():
        where = f"{file.path} {pointer('', *name.split('.'))}"
        if name in known:
            continue
        accepts = PLUGIN_SETTINGS.get(name)
        if accepts is None:
            raise SettingsError(
                f"{where}: there is no such setting{did_you_mean(name, [*known, *PLUGIN_SETTINGS])}"
            )
        if not accepts(value):
            raise SettingsError(f"{where}: {value!r} cannot be its value")


def _listed(text: str | None) -> list[str]:
    return [item.strip() for item in (text or "").split(",") if item.strip()]


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name)
    if not text:
        return default
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not digits or not least <= int(text) <= most:
        raise SettingsError(
            f"{name} is {text[:40]!r}: expected a whole number from {least} to {most}"
        )
    return int(text)


def _choice(environment: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    text = environment.get(name) or choices[0]
    if text not in choices:
        raise SettingsError(
            f"{name} is {text!r}: expected one of {', '.join(choices)}{did_you_mean(text, choices)}"
        )
    return text
