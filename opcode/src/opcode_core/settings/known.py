"""Every setting there is: what a file may hold, and what the environment may say instead."""

from __future__ import annotations

from opcode_core.settings.kinds import (
    DURATION,
    FLAG,
    NAMES,
    NETWORKS,
    Kind,
    choice,
    number,
    whole,
)

_GIB = 1 << 30
SANDBOX = ("auto", "off", "require:landlock", "require:namespaces")

POLICY: dict[str, Kind] = {
    "plugins.allow": NAMES,
    "plugins.disable": NAMES,
    "actions.allow": NAMES,
    "actions.deny": NAMES,
}
"""What may load and be used."""

ENGINE: dict[str, Kind] = {
    "breaker.failures": whole(0, 1_000_000),
    "breaker.seconds": number(0, 1_000_000),
    "retention": DURATION,
}

LIMITS: dict[str, Kind] = {
    "limits.definition_bytes": whole(1024, 64 << 20),
    "limits.steps": whole(1, 100_000),
    "limits.nesting": whole(1, 64),
    "limits.params_bytes": whole(1024, 64 << 20),
    "limits.output_bytes": whole(1024, 256 << 20),
    "limits.loop_items": whole(1, 1_000_000),
    "limits.loop_iterations": whole(1, 1_000_000),
    "limits.run_depth": whole(1, 64),
    "limits.events": whole(100, 10_000_000),
    "limits.waiting_signals": whole(1, 1_000_000),
    "limits.json_depth": whole(16, 200),
    "limits.value_depth": whole(4, 200),
    "limits.expression_bytes": whole(64, 1 << 16),
    "limits.expression_depth": whole(4, 200),
    "limits.expression_seconds": number(0.01, 60),
}
"""How large things may get; each is a field of `Limits`, which has the defaults."""

PLUGINS: dict[str, Kind] = {
    "fs.roots": NAMES,
    "http.hosts": NAMES,
    "http.private_ranges": NETWORKS,
    "http.allow_tls_skip_verify": FLAG,
    "shell.allow_command_references": FLAG,
    "shell.allow_loader_variables": FLAG,
    "shell.commands": NAMES,
    "shell.network": FLAG,
    "shell.sandbox": choice(*SANDBOX),
    "shell.max_output_bytes": whole(1024, 256 << 20),
    "shell.max_memory_bytes": whole(16 << 20, 1024 * _GIB),
    "shell.max_file_bytes": whole(0, 1024 * _GIB),
    "shell.max_open_files": whole(16, 1 << 20),
    "shell.max_processes": whole(16, 1 << 20),
}
"""What plugins read, by the name they ask for."""

KNOWN: dict[str, Kind] = {**POLICY, **ENGINE, **LIMITS, **PLUGINS}
"""All settings that the file may hold."""
