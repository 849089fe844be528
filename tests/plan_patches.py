"""Applying the RFC 6902 patches of problems, as far as fixes use it."""

from __future__ import annotations

import copy
from typing import Any


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
