"""`opcode validate`: everything there is to say about a definition, with the line it stands on."""

from __future__ import annotations

from typing import Any

from opcode_core.cli.files import DefinitionFile, read_definition
from opcode_core.cli.listing import load_registry
from opcode_core.cli.positions import Position
from opcode_core.cli.text import BAD_USAGE, console, plain, print_json
from opcode_core.model.problems import Problem
from opcode_core.plan.compile import diagnose

_WIDEST = 110
_MARGIN = 9


def validate_file(name: str, *, as_json: bool) -> None:
    """Check a definition; end the command with 2 when it would be refused."""
    file = read_definition(name)
    diagnosis = diagnose(file.definition, load_registry(), **file.arguments)
    if as_json:
        print_json(
            {
                "valid": diagnosis.plan is not None,
                "issues": [problem_json(file, one) for one in diagnosis.problems],
            }
        )
    else:
        show_problems(file, diagnosis.problems)
        _summary(file, diagnosis.problems)
    if diagnosis.plan is None:
        raise SystemExit(BAD_USAGE)


def show_problems(file: DefinitionFile, problems: list[Problem], *, stderr: bool = False) -> None:
    """Show problems to a person, each with its line and a mark under the place."""
    from rich.cells import cell_len
    from rich.text import Text

    screen = console(stderr=stderr)
    width = min(_WIDEST, screen.width - _MARGIN) if screen.is_terminal else _WIDEST
    placed = sorted(
        ((file.position(problem), problem) for problem in problems), key=lambda one: _order(one[0])
    )
    for position, problem in placed:
        colour = "red" if problem.severity == "error" else "yellow"
        where = f"{file.name}:{position.line}:{position.column}"
        screen.print(
            Text.assemble(
                (plain(where), "bold"),
                " ",
                (problem.severity, colour),
                " ",
                (problem.code, "dim"),
                " ",
                plain(problem.message),
            )
        )
        source, column = _window(file.line(position.line), position.column, width)
        number = f"{position.line:5} | "
        screen.print(Text.assemble((number, "dim"), plain(source)))
        before = " " * cell_len(
            plain(source[: column - 1])
        )  # some characters take two cells, or are spelt out
        screen.print(Text.assemble((" " * 5 + " | ", "dim"), before, ("^", colour)))
        if problem.hint:
            screen.print(Text.assemble(" " * 8, ("hint: ", "cyan"), plain(problem.hint)))


def _order(position: Position) -> tuple[int, int]:
    return position.line, position.column


def _window(line: str, column: int, width: int) -> tuple[str, int]:
    """The part of a line around a column that is no wider than this, and the column in it."""
    line = line.replace("\t", " ")
    start = max(0, min(column - width // 2, len(line) - width))
    return line[start : start + width], column - start


def _summary(file: DefinitionFile, problems: list[Problem]) -> None:
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    screen = console()
    if not problems:
        screen.print(f"{plain(file.name)}: no problems", style="green")
    else:
        counts = [
            f"{count} {word}{'s' if count > 1 else ''}"
            for count, word in ((errors, "error"), (warnings, "warning"))
            if count
        ]
        screen.print(
            f"{plain(file.name)}: {', '.join(counts)}", style="red" if errors else "yellow"
        )


def problem_json(file: DefinitionFile, problem: Problem) -> dict[str, Any]:
    """A problem with the line and column it stands on, for machines."""
    position = file.position(problem)
    return {**problem.to_json(), "line": position.line, "column": position.column}
