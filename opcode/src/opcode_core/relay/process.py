"""What a process does before it is a relay or an engine, and what it says then."""

from __future__ import annotations

import json
import os
import signal
import sys
import time


def end_at_once() -> None:
    """Let SIGTERM and SIGINT end the process in order: nothing has begun that would have to be ended first."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))


def say(level: str, message: str) -> None:
    """Write a line of the log, as `logs.JsonLines` does."""
    now = time.time()
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    line = {"time": f"{moment}.{int(now % 1 * 1e6):06d}Z", "level": level, "message": message}
    try:
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # nobody reads it
        return
