"""A check against a JSON Schema in a process of its own, which can be stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

from opcode_core import ExecutionError, LimitExceededError

from opcode_action_assert import validation
from opcode_action_assert.validation import MAX_SECONDS, Found, UnusableSchemaError

_PROGRAM = Path(validation.__file__)
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What a Python may need to start; nothing else of the server's environment is handed on."""
_MAX_LINE = 1 << 23


async def check_elsewhere(question: bytes) -> tuple[list[Found], bool]:
    """Check data against a schema in a child process.

    Args:
        question: `{"schema": …, "data": …}` as JSON.

    Returns:
        What is wrong with the data, and whether there is more than is listed.

    Raises:
        UnusableSchemaError: The schema cannot be used.
        LimitExceededError: It takes more than `MAX_SECONDS` or `MAX_MEMORY`.
        ExecutionError: The process cannot be started.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(_PROGRAM)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,
            limit=_MAX_LINE,
        )
    except OSError as error:
        raise ExecutionError(
            f"the schema makes much work, and the process for it cannot be started: {error.strerror}"
        ) from None
    try:
        return await _converse(process, question)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


async def _converse(
    process: asyncio.subprocess.Process, question: bytes
) -> tuple[list[Found], bool]:
    verdict = errors = b""
    assert process.stdin is not None  # noqa: S101 - both are pipes, as asked for
    assert process.stdout is not None  # noqa: S101 - both are pipes, as asked for
    with contextlib.suppress(TimeoutError, ConnectionError, ValueError):  # the last: _MAX_LINE
        async with asyncio.timeout(MAX_SECONDS):
            process.stdin.write(question)
            await process.stdin.drain()
            process.stdin.close()
            verdict = await process.stdout.readline()
            errors = await process.stdout.readline()
            await process.wait()  # one that ends by itself need not be killed
    if not verdict.endswith(b"\n"):
        raise LimitExceededError(
            "checking the data against this schema takes too much time or memory: at most "
            f"{MAX_SECONDS} s; a schema whose references multiply can be written without them",
            {"limit": f"{MAX_SECONDS}s"},
        )
    answer = json.loads(verdict)
    if "problems" in answer:
        raise UnusableSchemaError(answer["problems"])
    if answer["valid"]:
        return [], False
    if not errors.endswith(b"\n"):
        said = "the data does not match; saying where takes too much time with this schema"
        return [{"path": "", "message": said}], True
    listed = json.loads(errors)
    return listed["errors"], listed["more"]
