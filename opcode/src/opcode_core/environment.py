"""What the environment says to OPCODE alone: taken out of what other processes of the same user can read.

The kernel shows the block of memory a process was started with as `/proc/<pid>/environ`, whatever becomes of the
variables later. So the variables are moved, and their places in that block are cleared. This runs before anything
else, in relays too, and needs nothing that is not loaded anyway.
"""

from __future__ import annotations

import os

PREFIX = "OPCODE_"
SECRET = frozenset({"OPCODE_VAULT_KEY"})
"""Variables that no library and no child process gets to see either: `secret` gives them."""
_FIELD_OF_START = 47  # of /proc/self/stat, after the name of the program: env_start and env_end
_held: dict[str, str] = {}


def hide() -> None:
    """Move the variables of OPCODE; a second call finds nothing more to do."""
    found = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
    if not found:
        return
    _clear_block()
    for name, value in found.items():
        if name in SECRET:
            _held[name] = value
        else:
            os.environ[name] = value  # a copy elsewhere, for settings and for servers we start


def secret(name: str) -> str | None:
    """The value of a variable that is secret; None when it was not set."""
    hide()
    return _held.get(name)


def _clear_block() -> None:
    """Overwrite the variables of OPCODE in the block; what is no Linux has none that others can read."""
    try:
        with open("/proc/self/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        start, end = (int(field) for field in fields[_FIELD_OF_START : _FIELD_OF_START + 2])
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(start)
            block = memory.read(end - start)
            position = start
            for entry in block.split(b"\0"):
                if entry.startswith(PREFIX.encode()):
                    memory.seek(position)
                    memory.write(b"x" * len(entry))
                position += len(entry) + 1
    except (OSError, ValueError):
        return
