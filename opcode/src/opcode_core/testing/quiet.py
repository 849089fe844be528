"""Standard output, kept: what is printed, and what is written to the descriptor."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def captured_stdout() -> Iterator[bytearray]:
    """Keep what this process writes to standard output meanwhile.

    Yields:
        What was written; filled when the context ends.
    """
    written = bytearray()
    text = io.StringIO()
    with tempfile.TemporaryFile() as file:
        sys.stdout.flush()
        with contextlib.ExitStack() as stack:
            try:
                kept = os.dup(1)
            except OSError:  # there is no standard output
                kept = -1
            if kept >= 0:
                stack.callback(os.close, kept)
                stack.callback(os.dup2, kept, 1)
                os.dup2(file.fileno(), 1)
            stack.enter_context(contextlib.redirect_stdout(text))
            yield written
        file.seek(0)
        written += text.getvalue().encode("utf-8", "replace") + file.read()
