"""How a command is confined: what policy asks for, what the machine has, and what it may write."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opcode_core import ActionContext, IsolationError

from opcode_action_shell.confine import DEVICES
from opcode_action_shell.launch import Machine

Setting = Callable[[str], Any]

DEFAULT_LIMITS = {
    "max_memory_bytes": 4 << 30,
    "max_file_bytes": 1 << 29,
    "max_open_files": 4096,
    "max_processes": 1024,
}
"""The settings `shell.max_…` when they are not set; memory is counted for each process, processes for the command."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """What a command is confined by.

    Attributes:
        confined: Whether it is confined at all; `off` leaves a session, limits and an end of its own.
        landlock: Whether it may write its folders only, and signal no process outside.
        namespaces: Whether it has processes and mounts of its own.
        network: Whether it is in the machine's network.
    """

    confined: bool
    landlock: bool
    namespaces: bool
    network: bool


def choose(setting: Setting, machine: Machine) -> Isolation:
    """The strongest confinement that policy and machine allow.

    Args:
        setting: Gives a setting by its name.
        machine: What works here.

    Raises:
        IsolationError: Policy asks for something that does not work here.
    """
    mode = setting("shell.sandbox") or "auto"
    network = setting("shell.network") is not False
    if mode == "require:landlock" and not machine.landlock:
        raise _missing("Landlock", "this kernel has none", "OPCODE_SANDBOX=require:landlock")
    if mode == "require:namespaces" and not machine.namespaces:
        raise _missing("namespaces", machine.why, "OPCODE_SANDBOX=require:namespaces")
    if not network and not machine.network:
        reason = machine.why or "network namespaces are not allowed"
        raise _missing("a network namespace", reason, "shell.network = false")
    return Isolation(
        confined=mode != "off",
        landlock=mode != "off" and machine.landlock > 0,
        namespaces=machine.namespaces and (mode != "off" or not network),
        network=network,
    )


def _missing(what: str, why: str, rule: str) -> IsolationError:
    return IsolationError(
        f"commands need {what}, which this machine does not have ({why}): nothing was run (rule: {rule})",
        {"rule": rule, "reason": why},
    )


def order_of(
    words: list[str], env: dict[str, str], cwd: str, context: ActionContext, machine: Machine
) -> dict[str, Any]:
    """The order for a command, as the nursery reads it.

    Args:
        words: The program's path and its arguments.
        env: Its whole environment.
        cwd: Its folder.
        context: Where settings, and what was written in the definition, are known.
        machine: What works here.

    Raises:
        IsolationError: Policy asks for something that does not work here.
    """
    isolation = choose(context.setting, machine)
    limits = limits_of(context.setting)
    processes = limits["max_processes"]
    own_count = isolation.namespaces and os.geteuid() != 0
    return {
        "words": words,
        "env": env,
        "cwd": cwd,
        "confined": isolation.confined,
        "writable": writable(cwd, context) if isolation.landlock else None,
        "namespaces": isolation.namespaces,
        "proc": machine.proc,
        "network": isolation.network,
        "processes": processes,
        "limits": {
            "core": 0,
            "memory": limits["max_memory_bytes"],
            "file": limits["max_file_bytes"],
            "open_files": limits["max_open_files"],
            **({"processes": processes} if own_count else {}),
        },
    }


def limits_of(setting: Setting) -> dict[str, int]:
    """The limits of a command."""
    return {
        name: default if (given := setting(f"shell.{name}")) is None else given
        for name, default in DEFAULT_LIMITS.items()
    }


def writable(cwd: str, context: ActionContext) -> list[str]:
    """The paths below which a command may write.

    Its own folder is one of them unless data chose it: then it has to be in another of them. The whole file system is
    never one because a client was started in `/`; the home directory takes its place.
    """
    working = os.path.normpath(context.working_directory)
    usual = [str(Path.home()) if working == "/" else working]
    roots = context.setting("fs.roots")
    found = [*usual, *(usual if roots is None else map(os.path.normpath, roots))]
    if not context.provenance.sources("cwd") and cwd not in ("/", working):
        found.append(cwd)
    return [*dict.fromkeys([*found, os.path.normpath(tempfile.gettempdir())]), *DEVICES]
