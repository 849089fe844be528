"""What a process that lives long tells the C library about memory."""

from __future__ import annotations

import contextlib
import sys

_MMAP_THRESHOLD = -3
"""`M_MMAP_THRESHOLD` of mallopt(3)."""
_LARGE = 1 << 20


def give_memory_back() -> None:
    """Let what is large go back to the system when it is freed.

    Left to itself, glibc puts what is no larger than the largest block that was freed so far, up to 32 MiB, between the
    small ones, where one that stays keeps all below it: after an output of 10 MiB a server would stay 80 MiB larger.
    """
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(AttributeError):  # a C library that has no such choice
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
