"""The failing, remembering disk of `disk.c`: compiled once, preloaded into a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
WHY_NOT = None if sys.platform == "linux" and shutil.which("cc") else "needs Linux and a C compiler"
"""Why it cannot be used here; None if it can."""


def build(folder: Path) -> Path:
    """Compile it.

    Args:
        folder: Where the library goes.
    """
    library = folder / "disk.so"
    command = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library)]
    source = Path(__file__).with_name("disk.c")
    subprocess.run([*command, str(source), "-ldl"], check=True, capture_output=True)
    return library


def run_on(
    library: Path, folder: Path, arguments: list[str], log: Path | None = None, seconds: float = 120
) -> str:
    """Run a module of these tests on that disk; give what it wrote.

    Args:
        library: From `build`.
        folder: Whose files are concerned.
        arguments: The module and its arguments.
        log: Where the disk remembers; None for nowhere.
        seconds: How long it may take.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(TESTS),
        "LD_PRELOAD": str(library),
        "DISK_FOLDER": str(folder),
    }
    if log is not None:
        environment["DISK_LOG"] = str(log)
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command, cwd=TESTS, env=environment, capture_output=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done.stdout.decode()
