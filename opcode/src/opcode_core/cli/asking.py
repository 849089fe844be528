"""Asking the engine of the database for something, whoever that is, and what goes wrong with that."""

from __future__ import annotations

from typing import Any

from opcode_core.cli.client import CallRefusedError, perform
from opcode_core.cli.text import BAD_USAGE, FAILED, stop, stop_for
from opcode_core.errors import OpcodeError
from opcode_core.logs import configure
from opcode_core.settings import Settings, SettingsError, load_settings

_USAGE = ("VALIDATION_ERROR", "NOT_FOUND", "LIMIT_EXCEEDED")


def command_settings(*, existing: bool = True) -> Settings:
    """The settings of a command on the database; what is wrong with them ends it.

    Args:
        existing: Whether the database must be there: a command that only looks makes none.
    """
    try:
        settings = load_settings()
    except SettingsError as error:
        stop(str(error), BAD_USAGE)
    configure("warn" if settings.log_level == "info" else settings.log_level)
    if existing and not settings.db_path.exists():
        stop(f"there is no database at {settings.db_path}: name it with OPCODE_DB_PATH", BAD_USAGE)
    return settings


def ask(settings: Settings, verb: str, **arguments: Any) -> dict[str, Any]:
    """Have something done by the engine of the database, or here when there is none; a refusal ends the command.

    Args:
        settings: The settings.
        verb: What to do; see `client.perform`.
        arguments: Its arguments.
    """
    try:
        return perform(settings, verb, **arguments)
    except CallRefusedError as refused:
        for issue in (refused.error.get("details") or {}).get("issues", [])[1:]:
            lines = f"  {issue.get('path') or '/'}: {issue.get('message')}"
            refused.error["message"] += f"\n{lines}"
        stop(refused.error["message"], BAD_USAGE if refused.error["code"] in _USAGE else FAILED)
    except OpcodeError as error:
        stop_for(error)
    except ConnectionError:
        stop("the server ended before it answered: see its log, and try again", FAILED)
