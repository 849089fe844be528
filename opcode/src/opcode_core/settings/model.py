"""The settings of one process, as the rest of the program uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from opcode_core.expressions import ExpressionLimits


@dataclass(frozen=True, slots=True)
class Limits:
    """How large things may get; what is larger is refused with `LIMIT_EXCEEDED`, except where it says otherwise.

    Attributes:
        definition_bytes: Bytes of a definition as JSON.
        steps: Steps in a definition, nested ones included.
        nesting: How deep steps may be nested in steps.
        params_bytes: Bytes of a step's resolved parameters as JSON.
        output_bytes: Bytes of a step's output as JSON.
        loop_items: Items a `for_each` loop goes over when it does not say; `truncated` says there were more.
        loop_iterations: Iterations of a `while` or `until` loop when it does not say, likewise.
        run_depth: Workflows that start each other, counted downwards.
        events: Events of a workflow.
        waiting_signals: Signals that wait for their steps, in a workflow.
        json_depth: How deep objects and arrays may be nested in a definition and in the arguments of a call.
        value_depth: The same for one value in them: a parameter, an input, the data of a signal.
        expression_bytes: Bytes of an expression as UTF-8.
        expression_depth: How deep brackets of any kind may be nested in an expression.
        expression_seconds: How long the evaluation of an expression may take.
    """

    definition_bytes: int = 4 << 20
    steps: int = 10_000
    nesting: int = 16
    params_bytes: int = 4 << 20
    output_bytes: int = 32 << 20
    loop_items: int = 10_000
    loop_iterations: int = 1000
    run_depth: int = 16
    events: int = 50_000
    waiting_signals: int = 1000
    json_depth: int = 128
    value_depth: int = 64
    expression_bytes: int = 4096
    expression_depth: int = 50
    expression_seconds: float = 1.0

    def setting(self, name: str) -> Any:
        """A limit by the dotted name of its setting, `limits.steps`; None when that is none."""
        section, _, limit = name.partition(".")
        return getattr(self, limit, None) if section == "limits" else None

    @property
    def expressions(self) -> ExpressionLimits:
        """What expression engines are made with."""
        return ExpressionLimits(
            self.expression_bytes, self.expression_depth, self.expression_seconds
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one process.

    Attributes:
        db_path: The database file.
        pool_size: How many actions run at a time, over all workflows.
        log_level: The least that is logged: debug, info, warn or error.
        durability: `full`: a commit survives a power cut; `normal`: it survives the process, faster.
        tool_names: How the MCP tools are listed: dotted, underscore, or auto (by what the client takes).
        plugins_allow: Names of plugins or distributions that may load; None for all.
        plugins_disable: Names of plugins or distributions that may not.
        actions_allow: Patterns of action names that may be used; None for all.
        actions_deny: Patterns of action names that may not be used.
        breaker_failures: How many failures in a row open an action's circuit; 0 for never.
        breaker_seconds: How many seconds it stays open.
        retention: For how many seconds ended workflows are kept; None for ever.
        limits: How large things may get.
        values: Everything else of the file and the environment, by dotted name, for the plugins it concerns.
        file: The file that was read; None if there was none.
    """

    db_path: Path = Path("opcode.db")
    pool_size: int = 10
    log_level: str = "info"
    durability: Literal["full", "normal"] = "full"
    tool_names: Literal["auto", "dotted", "underscore"] = "auto"
    plugins_allow: tuple[str, ...] | None = None
    plugins_disable: tuple[str, ...] = ()
    actions_allow: tuple[str, ...] | None = None
    actions_deny: tuple[str, ...] = ()
    breaker_failures: int = 5
    breaker_seconds: float = 30.0
    retention: float | None = None
    limits: Limits = Limits()
    values: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None
