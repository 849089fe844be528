"""Reading a definition from a file, with where each of its values stands."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opcode_core.cli.positions import (
    Position,
    find_positions,
    inside_string,
    key_of,
    line_and_column,
    nearest_position,
)
from opcode_core.cli.text import BAD_USAGE, stop
from opcode_core.errors import OpcodeError
from opcode_core.jsonio import parse_json
from opcode_core.model.problems import Problem

_ARGUMENTS = ("input_schema", "output_schema", "triggers")


@dataclass(frozen=True, slots=True)
class DefinitionFile:
    """A definition and the text it came from.

    Attributes:
        name: The file, for people.
        text: Its text.
        definition: The definition.
        arguments: `input_schema` and the other arguments of `define` that the file has.
        prefix: JSON Pointer of the definition in the file.
        positions: JSON Pointer → offset in the text.
    """

    name: str
    text: str
    definition: Any
    arguments: dict[str, Any]
    prefix: str
    positions: dict[str, int]

    def position(self, problem: Problem) -> Position:
        """Where a problem stands in the file."""
        base = f"/{problem.argument}" if problem.argument else self.prefix
        path = base + problem.path
        offset = nearest_position(self.positions, path)
        if path in self.positions:
            if problem.offset is not None:
                offset = inside_string(self.text, offset, problem.offset)
            elif problem.code == "UNKNOWN_FIELD":
                key = key_of(self.text, offset)
                offset = offset if key is None else key
        return line_and_column(self.text, offset)

    def line(self, number: int) -> str:
        """A line of the text, counted from 1."""
        lines = self.text.split("\n")
        return lines[number - 1].rstrip("\r") if number <= len(lines) else ""


def read_definition(name: str) -> DefinitionFile:
    """Read a definition: the bare one, or the arguments of `define` as an object.

    A file that cannot be read or is no JSON ends the command, with the line and column.

    Args:
        name: The file; `-` is standard input.
    """
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        stop(f"{name} cannot be read: {error}", BAD_USAGE)
    try:
        value = parse_json(text)
    except OpcodeError as error:
        stop(f"{name}{_place(text)}: {error.message}", BAD_USAGE)
    wrapped = isinstance(value, dict) and "definition" in value and "steps" not in value
    return DefinitionFile(
        name=name,
        text=text,
        definition=value["definition"] if wrapped else value,
        arguments={key: value[key] for key in _ARGUMENTS if key in value} if wrapped else {},
        prefix="/definition" if wrapped else "",
        positions=find_positions(text),
    )


def _place(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f":{error.lineno}:{error.colno}"
    except RecursionError:
        return ""
    return ""
