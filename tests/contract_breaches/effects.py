"""Actions that do to the world what they do not say."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from opcode_core import ActionContext, Effect, ExecutionError, Params, action
from opcode_core.testing import Example
from pydantic import Field

from contract_breaches.breach import Breach


class Name(Params):
    name: str = Field(description="A name.")


@action("breach.file", effect=Effect.PURE)
def file(params: Name, context: ActionContext) -> None:
    """Write a file."""
    Path(context.working_directory, params.name).write_text("x", encoding="utf-8")


@action("breach.hiding", effect=Effect.PURE)
def hiding(params: Name, context: ActionContext) -> None:
    """Make a folder, and hide that it did not work."""
    with contextlib.suppress(OSError):
        Path(context.working_directory, params.name).mkdir()


@action("breach.thread", effect=Effect.PURE)
async def thread(params: Name, context: ActionContext) -> None:
    """Write a file in a thread."""
    path = Path(context.working_directory, params.name)
    await asyncio.to_thread(path.write_text, "x", encoding="utf-8")


@action("breach.native", effect=Effect.PURE)
def native(params: Name, context: ActionContext) -> None:
    """Make a folder without asking Python."""
    path = Path(context.working_directory, params.name)
    ctypes.CDLL(None).mkdir(os.fsencode(path), 0o700)


@action("breach.network", effect=Effect.PURE)
def network(params: Name) -> None:
    """Look up an address."""
    socket.getaddrinfo("localhost", 80)


@action("breach.process", effect=Effect.PURE)
def process(params: Name) -> None:
    """Start a process."""
    subprocess.run([sys.executable, "-c", "pass"], check=True)


@action("breach.environment", effect=Effect.PURE)
def environment(params: Name) -> None:
    """Set a variable of the environment."""
    os.environ["BREACH"] = params.name


@action("breach.context", effect=Effect.PURE)
async def context_(params: Name, context: ActionContext) -> None:
    """Change the workflow's context."""
    await context.update_context({"name": params.name})


def _effect(params: Name) -> Effect:
    return Effect.PURE if params.name == "dry" else Effect.UNSAFE


@action("breach.sometimes", effect=_effect)
def sometimes(params: Name, context: ActionContext) -> None:
    """Write a file also when its parameters say that it does not."""
    Path(context.working_directory, params.name).write_text("x", encoding="utf-8")


@action("breach.appending", effect=Effect.IDEMPOTENT, blocking=True)
def appending(params: Name, context: ActionContext) -> None:
    """Append to a file."""
    with Path(context.working_directory, params.name).open("a", encoding="utf-8") as opened:
        opened.write("x")


@action("breach.once", effect=Effect.IDEMPOTENT, blocking=True)
def once(params: Name, context: ActionContext) -> None:
    """Fail when it is done already."""
    try:
        Path(context.working_directory, params.name).mkdir()
    except FileExistsError:
        raise ExecutionError(f"there is a folder {params.name} already") from None


@action("breach.counting", effect=Effect.IDEMPOTENT)
async def counting(params: Name, context: ActionContext) -> Any:
    """Count in the workflow's context."""
    known = await context.read_context()
    await context.update_context({params.name: known.get(params.name, 0) + 1})


_X = (Example({"name": "x"}),)

BREACHES = (
    Breach("effect", r"changes files \(open\)", file),
    Breach("effect", r"changes files \(os.mkdir\)", hiding),
    Breach("effect", r"changes files \(open\)", thread),
    Breach("effect", "changes files", native),
    Breach("effect", r"uses the network \(socket.getaddrinfo\)", network),
    Breach("effect", "starts or signals processes", process),
    Breach("effect", "changes the process's environment", environment),
    Breach("effect", r"changes the workflow \(update_context\)", context_),
    Breach("effect", "changes files", sometimes, (Example({"name": "dry"}),)),
    Breach("twice", "the world is not as after the first", appending, _X),
    Breach("twice", "the second time it fails: there is a folder x already", once, _X),
    Breach("twice", "the world is not as after the first", counting, _X),
)
