"""How a command is started so that everything it starts can be ended with it, and ends with the server.

On Linux `setpriv --pdeathsig` lets it die with the server, however that goes, and `unshare --pid` puts it into a
process namespace: ending its first process ends all of it, also what went into a session of its own. Which of the two
work here is found out once.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass

_PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Launcher:
    """What is put before a command.

    Attributes:
        prefix: Words of the command line; empty when nothing works here.
        contains_all: Whether ending its first process ends every other.
    """

    prefix: tuple[str, ...]
    contains_all: bool


async def find_launcher() -> Launcher:
    """The strongest launcher that works on this machine."""
    setpriv, unshare = shutil.which("setpriv"), shutil.which("unshare")
    dies_with_us = (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()
    if setpriv and unshare:
        user = () if os.geteuid() == 0 else ("--user", "--map-current-user")
        together = (*dies_with_us, unshare, *user, "--pid", "--fork", "--kill-child=KILL", "--")
        if await _works(together):
            return Launcher(together, contains_all=True)
    if setpriv and await _works(dies_with_us):
        return Launcher(dies_with_us, contains_all=False)
    return Launcher((), contains_all=False)


async def _works(prefix: tuple[str, ...]) -> bool:
    null = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *prefix, "/bin/true", stdin=null, stdout=null, stderr=null
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
