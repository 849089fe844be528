"""SIGTERM and SIGINT: the first ends in order, the second at once."""

from __future__ import annotations

import asyncio
import os
import signal


def on_signals(ending: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT set the event; when it is set already, end the process at once."""

    def on_signal(number: int) -> None:
        if ending.is_set():
            os._exit(128 + number)
        ending.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
