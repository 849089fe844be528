"""Seeing, and stopping, what a piece of code does to the world: files, network, processes, environment.

It stands on the interpreter's audit hooks, so it sees what goes through Python's own modules, in every thread of the
process; native code that calls the system by itself is not seen.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FILES = {
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.chflags", "os.utime", "os.setxattr", "os.removexattr"),
    *("shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.make_archive", "sqlite3.connect"),
    *("tempfile.mkstemp", "tempfile.mkdtemp"),
}
_NETWORK = {
    *("socket.__new__", "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"),
    *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "urllib.Request"),
}
_PROCESSES = {
    *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn"),
    *("os.spawn", "os.startfile", "os.kill", "os.killpg", "pty.spawn"),
}
_ENVIRONMENT = {"os.putenv", "os.unsetenv", "os.chdir", "os.fchdir"}
_KINDS = {
    **dict.fromkeys(_FILES, "changes files"),
    **dict.fromkeys(_NETWORK, "uses the network"),
    **dict.fromkeys(_PROCESSES, "starts or signals processes"),
    **dict.fromkeys(_ENVIRONMENT, "changes the process's environment"),
}


class ForbiddenEffectError(PermissionError):
    """What guarded code gets when it tries to change the world."""


class _Watch:
    """The one hook of this process, and whether it looks."""

    def __init__(self) -> None:
        self.seen: list[str] | None = None
        self._lock = threading.Lock()
        self._installed = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        seen = self.seen
        if seen is None:
            return
        what = _KINDS.get(event)
        if event == "open":
            what = "changes files" if _opens_to_write(arguments) else None
        if what is not None:
            text = f"{what} ({event})"
            if text not in seen:
                seen.append(text)
            raise ForbiddenEffectError(f"a pure action {text}")

    @contextmanager
    def watching(self) -> Iterator[list[str]]:
        with self._lock:
            if not self._installed:
                sys.addaudithook(self)
                self._installed = True
            tempfile.gettempdir()  # it tries the folder out when it is first asked
            seen: list[str] = []
            self.seen = seen
            bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
            try:
                yield seen
            finally:
                self.seen = None
                sys.dont_write_bytecode = bytecode


_WATCH = _Watch()


@contextmanager
def no_effects() -> Iterator[list[str]]:
    """Let nothing in this process change the world meanwhile.

    What tries to gets a `ForbiddenEffectError`, and is noted whether it swallows that or not.

    Yields:
        What was tried, such as `changes files (os.remove)`.
    """
    with _WATCH.watching() as seen:
        yield seen


def _opens_to_write(arguments: tuple[Any, ...]) -> bool:
    path, mode, flags = arguments
    if path == os.devnull:
        return False
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(isinstance(flags, int) and flags & _WRITING)
