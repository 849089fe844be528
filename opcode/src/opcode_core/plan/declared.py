"""Typed references: what is declared about the value a path reads, and paths that lead where nothing can be.

The output of a step has the shape its type declares, an input the one the input schema says. A path that leads past
that is refused, unless the definition says what happens when the step that reads it fails: then it is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from opcode_core.expressions import Expression, ExpressionSyntaxError, ReadPath
from opcode_core.plan.problems import Problems
from opcode_core.plan.shapes import Miss, Shape, shape_of, walk
from opcode_core.plan.spot import Spot
from opcode_core.plan.visibility import Place
from opcode_core.references.parse import path_text
from opcode_core.suggest import listing, nearest

_TEXT: Mapping[str, Any] = {"type": "string"}
_ANY: Mapping[str, Any] = {}
_ERROR: Mapping[str, Any] = {
    "type": ["object", "null"],
    "properties": {"code": _TEXT, "message": _TEXT, "details": _ANY, "step_id": _TEXT},
    "additionalProperties": False,
}
_VIEW = {"status": shape_of(_TEXT), "error": shape_of(_ERROR)}
_WORKFLOW = shape_of(
    {"type": "object", "properties": {"error": _ERROR}, "additionalProperties": _TEXT}
)
_OBJECT = shape_of({"type": "object"})
_INDEX = shape_of({"type": "integer"})

_MAY_NOT_BE_READ = re.compile(
    r"[?]|&&|\|\||\b(?:all|exists|exists_one|existsOne|map|filter|bind|transform\w*|opt\w*)\s*\("
)
"""What lets CEL leave a part of an expression out."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?=\s*[.\[])")
_ASKS = re.compile(r"\bhas\s*\(|[?]")


def find(path: ReadPath, place: Place) -> Shape | Miss | None:
    """What is declared about the value at a path; None when that may be anything."""
    namespace = path[0]
    if namespace == "steps":
        return _of_step(path, place)
    if namespace == "inputs" and place.input_shape is not None:
        found = walk(place.input_shape, path, 1)
        first = isinstance(found, Miss) and found.position == 1
        return None if first else found  # which inputs there are is checked with the names
    if namespace == "workflow" and _WORKFLOW is not None:
        return walk(_WORKFLOW, path, 1)
    if namespace in ("loop", "iter") and path[-1] == "index" and set(path[1:-1]) <= {"parent"}:
        return _INDEX
    return None


def check_path(path: ReadPath, place: Place, spot: Spot, problems: Problems) -> Shape | None:
    """Check a path that exists as far as names go against what is declared.

    Returns:
        The shape of its value; None when that may be anything, or nothing (which is reported).
    """
    found = find(path, place)
    if isinstance(found, Miss):
        _report(path, found, place, spot, problems, warning=place.handled)
        return None
    return found


def check_reads(expression: Expression, place: Place, spot: Spot, problems: Problems) -> None:
    """Check what a CEL expression reads: what it may leave out is a warning, what it asks for first is passed over."""
    unsure = _MAY_NOT_BE_READ.search(spot.source) is not None
    if unsure and _ASKS.search(spot.source):
        return
    for path in dict.fromkeys(expression.reads):
        found = find(path, place)
        if isinstance(found, Miss):
            _report(path, found, place, spot, problems, warning=place.handled or unsure)


def report_expression(
    error: ExpressionSyntaxError, spot: Spot, place: Place, problems: Problems
) -> None:
    """Report an expression that does not compile; a step that is named without `steps.` is told from other mistakes."""
    hint, fix, offset = None, None, None
    if error.offset is not None:
        offset = spot.offset + error.offset
        name = _NAME.match(spot.source, error.offset)
        if name is not None and place.steps.knows(name[0]):
            hint = f"did you mean `steps.{name[0]}`?"
            fix = spot.inserted(error.offset, "steps.")
    dashed = _dashed(spot.source, place)
    if dashed is not None:
        right = f"steps['{dashed}']"
        hint = f"in an expression `-` subtracts: write `{right}`"
        fix = spot.respelt(f"steps.{dashed}", right)
    problems.add(spot.at, "BAD_EXPRESSION", error.message, hint=hint, fix=fix, offset=offset)


def _dashed(source: str, place: Place) -> str | None:
    """The longest id of a step with a `-` in it that an expression has after a dot."""
    if "-" not in source:
        return None
    found = [one for one in place.steps.names() if "-" in one and f"steps.{one}" in source]
    return max(found, key=len, default=None)


def _of_step(path: ReadPath, place: Place) -> Shape | Miss | None:
    if len(path) <= 2:  # noqa: PLR2004 - steps, steps.X
        return _OBJECT
    step_id, field = str(path[1]), path[2]
    if not place.steps.knows(step_id):
        return None  # a full id: that step may never have run
    seen = _VIEW.get(str(field))
    if seen is not None:
        return walk(seen, path, 3)
    output = place.steps.output(step_id)
    found = None if output is None else walk(output, path, 3 if field == "output" else 2)
    if isinstance(found, Miss) and found.position == 2:  # noqa: PLR2004 - the short form
        names = dict.fromkeys([*found.names, "output", "status", "error"])
        return Miss(2, tuple(names), found.types)
    return found


def _report(
    path: ReadPath, miss: Miss, place: Place, spot: Spot, problems: Problems, *, warning: bool
) -> None:
    if problems.full:
        problems.beyond()
        return
    before, name = path[: miss.position], path[miss.position]
    hint, new = _meant(path, miss, place)
    problems.add(
        spot.at,
        "UNKNOWN_REFERENCE",
        f"`{path_text(before)}` has no `{name}`: {miss.says()}",
        hint=hint,
        fix=spot.rewritten(path, new) if new else None,
        warning=warning,
        offset=spot.where(path[: miss.position + 1]),
    )


def _meant(path: ReadPath, miss: Miss, place: Place) -> tuple[str | None, ReadPath | None]:
    """The hint for a path that leads nowhere, and the path to write instead where that is certain."""
    at, rest = miss.position, path[miss.position + 1 :]
    near = nearest(str(path[at]), miss.names)
    if near is not None:
        renamed = (*path[:at], near, *rest)
        certain = not isinstance(find(renamed, place), Miss)
        return f"did you mean `{near}`?", renamed if certain else None
    if path[0] == "steps" and len(path) > 2:  # noqa: PLR2004 - steps.X.field
        for other in _through_output(path):
            found = find(other, place)
            if isinstance(found, Shape):
                return f"did you mean `{path_text(other)}`?", other
            if found is None and find(other[:4], place) is None and "output" in miss.names:
                return f"perhaps `{path_text(other)}`", None
    return (f"there are {listing(miss.names)}" if miss.names else None), None


def _through_output(path: ReadPath) -> list[ReadPath]:
    """The ways a path may have been meant when `.output` was forgotten, or called something else."""
    ways: list[ReadPath] = [(*path[:2], "output", *path[2:])]
    if len(path) > 3 and path[2] != "output":  # noqa: PLR2004 - steps.X.field.member
        ways.insert(0, (*path[:2], "output", *path[3:]))
    return ways
