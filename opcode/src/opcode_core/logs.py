"""The log: one JSON object a line, on standard error; what came from outside never ends one, nor acts on a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Any

from opcode_core.errors import ValidationError
from opcode_core.jsonio import write_json
from opcode_core.moments import iso_time, to_micros

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_NAMES = {number: name for name, number in LEVELS.items()} | {logging.CRITICAL: "error"}
logger = logging.getLogger("opcode")


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time, level, message, and what was given as `extra={"data": {…}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, without its end; what a terminal would act on is escaped as JSON escapes it."""
        line: dict[str, Any] = {
            "time": iso_time(to_micros(record.created)),
            "level": _NAMES.get(record.levelno, record.levelname.lower()),
            "message": record.getMessage(),
        }
        if record.name != logger.name:
            line["logger"] = record.name
        line.update(getattr(record, "data", None) or {})
        if record.exc_info is not None and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return visible(write_json(line).decode("utf-8"))
        except ValidationError:
            return write_json({key: ascii(value) for key, value in line.items()}).decode("utf-8")


def visible(text: str) -> str:
    """The same JSON, in which nothing is invisible, turns what follows around, or is an order to a terminal.

    Args:
        text: A line of JSON.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def configure(level: str) -> None:
    """Send the log of this process to standard error.

    Args:
        level: `debug`, `info`, `warn` or `error`: the least that is written.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logger.setLevel(LEVELS[level])


class StepLogger:
    """The log of one step: every line carries the ids of workflow, step and agent.

    Args:
        workflow_id: The workflow.
        step_id: The step's full id.
        agent_id: Who started the workflow.
    """

    __slots__ = ("_ids",)

    def __init__(self, workflow_id: str, step_id: str, agent_id: str) -> None:
        self._ids = {"workflow_id": workflow_id, "step_id": step_id, "agent_id": agent_id}

    def log(self, level: str, message: str, data: Any = None) -> None:
        """Write one line.

        Args:
            level: `debug`, `info`, `warn` or `error`.
            message: The message; it is data, however it looks.
            data: Any JSON; left out when None.
        """
        extra = self._ids if data is None else {**self._ids, "data": data}
        logger.log(LEVELS[level], "%s", message, extra={"data": extra})
