"""What holds of every diagnosis, and applying the RFC 6902 patches of its problems, as far as fixes use it."""

from __future__ import annotations

import copy
import json
from typing import Any

from opcode_core.model.problems import Problem
from opcode_core.plan.compile import Diagnosis


def parts(pointer: str) -> list[str]:
    """The members a JSON Pointer names."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def at(document: Any, path: list[str]) -> Any:
    """What stands at a path."""
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def apply(document: Any, patch: Any) -> Any:
    """Apply a patch; an operation that RFC 6902 does not allow fails the test."""
    document = copy.deepcopy(document)
    for operation in patch:
        *parent, name = parts(operation["path"])
        holder = at(document, parent)
        value = copy.deepcopy(operation.get("value"))
        if operation["op"] == "move":
            *source, old = parts(operation["from"])
            value = at(document, source).pop(old)
        if isinstance(holder, list):
            index = len(holder) if name == "-" else int(name)
            assert index <= len(holder)
            if operation["op"] in ("remove", "replace"):
                del holder[index]
            if operation["op"] != "remove":
                holder.insert(index, value)
        elif operation["op"] == "remove":
            del holder[name]
        else:
            assert operation["op"] != "replace" or name in holder
            holder[name] = value
    return document


def check(diagnosis: Diagnosis, definition: Any, about: list[Problem] | None = None) -> None:
    """What holds of every diagnosis; `about` are its problems with the definition, if there are others too."""
    assert (diagnosis.plan is None) == bool(diagnosis.errors)
    for problem in diagnosis.problems if about is None else about:
        assert problem.message
        leads_somewhere(problem, definition)
        if problem.fix is not None:
            assert apply(definition, problem.fix) != definition
        json.dumps(problem.to_json(), allow_nan=False)


def leads_somewhere(problem: Problem, definition: Any) -> None:
    """A path leads to a member that is there, unless a missing one is the problem."""
    if problem.code == "MISSING_FIELD":
        return
    value: Any = definition
    *before, last = problem.path.split("/")
    for part in [one.replace("~1", "/").replace("~0", "~") for one in before[1:]]:
        value = value[int(part)] if isinstance(value, list) else value[part]
    if problem.path:
        name = last.replace("~1", "/").replace("~0", "~")
        assert int(name) < len(value) if isinstance(value, list) else name in value
