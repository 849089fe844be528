"""Lines out of what comes in pieces."""

from __future__ import annotations

from collections.abc import Iterator


class Lines:
    """Puts lines together.

    Args:
        longest: How many bytes a line may have; a longer one is passed over. None for any number.

    Attributes:
        skipping: Whether the line that has begun is too long.
        skipped: How many lines were passed over.
    """

    def __init__(self, longest: int | None = None) -> None:
        self._longest = longest
        self._begun = bytearray()
        self._looked_at = 0
        self.skipping = False
        self.skipped = 0

    @property
    def rest(self) -> bytes:
        """The beginning of a line that has not ended."""
        return bytes(self._begun)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take a piece; give the lines that end in it, each with its end."""
        self._begun += data
        start = 0
        while (end := self._begun.find(b"\n", max(start, self._looked_at))) >= 0:
            if self.skipping or self._too_long(end + 1 - start):
                self.skipped += 1
                self.skipping = False
            else:
                yield bytes(self._begun[start : end + 1])
            start = end + 1
        del self._begun[:start]
        if self.skipping or self._too_long(len(self._begun)):
            self.skipping = True
            self._begun.clear()
        self._looked_at = len(self._begun)

    def clear(self) -> None:
        """Forget a line that has not ended."""
        self._begun.clear()
        self._looked_at = 0
        self.skipping = False

    def _too_long(self, size: int) -> bool:
        return self._longest is not None and size > self._longest
