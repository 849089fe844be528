"""What `opcode doctor` says about commands: how they are confined here, and what is not active."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

from opcode_core import Finding, IsolationError

from opcode_action_shell.confine import LINUX, kernel
from opcode_action_shell.isolation import Isolation, Setting, choose, limits_of
from opcode_action_shell.launch import Machine, NotStartedError, Nursery

_ABI_SCOPES = 6


def check_isolation(setting: Setting) -> Iterator[Finding]:
    """Find out what works here and say what a command is confined by.

    Args:
        setting: Gives a setting by its name.
    """
    try:
        machine = asyncio.run(_look())
    except NotStartedError as error:
        yield Finding("commands", "broken", f"no command can be started: {error.reason}")
        return
    try:
        chosen = choose(setting, machine)
    except IsolationError as error:
        yield Finding("isolation", "broken", error.message)
        chosen = None
    yield from _layers(machine, chosen)
    yield from _surroundings(machine, chosen)
    limits = ", ".join(f"{name} {value}" for name, value in limits_of(setting).items())
    yield Finding("limits", "ok", f"core dumps none, {limits}")


async def _look() -> Machine:
    nursery = Nursery()
    try:
        return await nursery.machine()
    finally:
        await nursery.close()


def _layers(machine: Machine, chosen: Isolation | None) -> Iterator[Finding]:
    if machine.namespaces:
        own = (
            "processes, mounts and /proc" if machine.proc else "processes and mounts, but no /proc"
        )
        text = (
            f"a command has {own} of its own: it sees and reaches no other process, and ends as one"
        )
        active = chosen is not None and chosen.namespaces
        yield Finding("namespaces", "ok" if active else "off", text if active else "switched off")
    else:
        text = f"not here ({machine.why}): what a command starts is found and ended one by one"
        yield Finding("namespaces", "off", text)
    if machine.landlock:
        text = f"ABI {machine.landlock}: a command writes its folder, the roots and the temporary directory only"
        if machine.landlock >= _ABI_SCOPES:
            text += ", and signals no process outside"
        active = chosen is not None and chosen.landlock
        yield Finding("landlock", "ok" if active else "off", text if active else "switched off")
    else:
        why = f"Linux {'.'.join(map(str, kernel()))} has none" if LINUX else "this is not Linux"
        yield Finding("landlock", "off", f"{why}: a command writes what its user may write")


def _surroundings(machine: Machine, chosen: Isolation | None) -> Iterator[Finding]:
    if LINUX:
        yield Finding(
            "end of commands",
            "ok",
            "whole trees end, on timeouts, when cancelled and with the server",
        )
    else:
        text = "process groups end; what went into a session of its own may stay"
        yield Finding("end of commands", "warning", text)
    if chosen is None or chosen.network:
        able = (
            "can be cut off by shell.network = false"
            if machine.network
            else "cannot be cut off here"
        )
        yield Finding("network", "off", f"commands have the network; it {able}")
    else:
        yield Finding("network", "ok", "commands have no network")
    if machine.processes or (machine.namespaces and os.geteuid() != 0):
        yield Finding("number of processes", "ok", "limited for each command")
    else:
        yield Finding(
            "number of processes",
            "off",
            "cannot be limited here; a fork bomb lasts until its timeout",
        )
    if os.geteuid() == 0:
        text = (
            "the server is root, and so are its commands, with fewer capabilities: use another user"
        )
        yield Finding("user", "warning", text)
