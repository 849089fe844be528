"""Lines out of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from opcode_core.logs import logger

MAX_LINE = 16 << 20
"""How long a line may be, in bytes: the limit of the reader."""


async def lines_of(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines that come; one that is too long is passed over."""
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as rest:
            if rest.partial:
                yield rest.partial
            return
        except asyncio.LimitOverrunError as overrun:
            await reader.readexactly(overrun.consumed)
            await skip_line(reader)
            logger.warning(
                "a line was too long and was passed over", extra={"data": {"limit": MAX_LINE}}
            )
            continue
        yield line


async def skip_line(reader: asyncio.StreamReader) -> None:
    """Pass over what comes up to the next end of a line."""
    while True:
        try:
            await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as overrun:
            await reader.readexactly(overrun.consumed)
        except asyncio.IncompleteReadError:
            return
        else:
            return
