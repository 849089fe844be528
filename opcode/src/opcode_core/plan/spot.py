"""A piece of a text in the definition, such as what is between `${{` and `}}`: where it is, and how it is mended."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from opcode_core.references.parse import Path, parse_path, path_text

Fix = list[dict[str, Any]]


@dataclass(slots=True)
class Draft:
    """A text of the definition, and what is to be changed in it so far.

    A fix writes the whole text, so each has the changes of those before it: whoever applies one after the other loses
    none.

    Attributes:
        at: JSON Pointer of the text.
        text: The text as it is.
        edits: `(start, end, instead)`, none overlapping another.
    """

    at: str
    text: str
    edits: list[tuple[int, int, str]] = field(default_factory=list)

    def changed(self, start: int, end: int, instead: str) -> Fix:
        """The patch that makes one more change."""
        edit = (start, end, instead)
        if edit not in self.edits:
            apart = [one for one in self.edits if one[1] <= start or end <= one[0]]
            self.edits = sorted([*apart, edit])
        text, position = "", 0
        for first, last, new in self.edits:
            text += self.text[position:first] + new
            position = last
        return [{"op": "replace", "path": self.at, "value": text + self.text[position:]}]


@dataclass(frozen=True, slots=True)
class Spot:
    """A reference or an expression where it stands.

    Attributes:
        draft: The text it is a part of.
        source: The piece.
        offset: Where the piece begins in the text, in characters.
    """

    draft: Draft
    source: str
    offset: int = 0

    @property
    def at(self) -> str:
        """JSON Pointer of the text."""
        return self.draft.at

    def where(self, path: Path) -> int:
        """The offset of the last segment of a path in the text; of the piece, when that is not certain."""
        found = self._find(path)
        return self.offset if found is None else self.offset + found.end() - len(str(path[-1]))

    def rewritten(self, old: Path, new: Path) -> Fix | None:
        """The patch that writes one path for another; None unless the piece says it exactly once.

        Args:
            old: The path, or how it begins.
            new: What to write instead.
        """
        found = self._find(old)
        if found is not None:
            return self._replaced(found.start(), found.end(), path_text(new))
        whole = parse_path(self.source)
        if whole is None or whole[: len(old)] != old:
            return None
        return self._replaced(0, len(self.source), path_text((*new, *whole[len(old) :])))

    def respelt(self, old: str, new: str) -> Fix | None:
        """The patch that writes one text for another; None unless the piece has it exactly once."""
        if self.source.count(old) != 1:
            return None
        start = self.source.index(old)
        return self._replaced(start, start + len(old), new)

    def inserted(self, position: int, text: str) -> Fix:
        """The patch that writes something at a position of the piece."""
        return self._replaced(position, position, text)

    def _find(self, path: Path) -> re.Match[str] | None:
        """Where the piece says a path, if it does so exactly once."""
        text = path_text(path)
        if self.source.count(text) == 0:
            return None
        pattern = rf"(?<![\w\])'\"-])(?<![\w\])'\"]\.){re.escape(text)}(?![\w'\"-])"
        found = list(re.finditer(pattern, self.source))
        return found[0] if len(found) == 1 else None

    def _replaced(self, start: int, end: int, text: str) -> Fix:
        return self.draft.changed(self.offset + start, self.offset + end, text)
