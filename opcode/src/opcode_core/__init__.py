"""What authors of OPCODE plugins may use, and nothing else.

Names are loaded when first used, so that `import opcode_core` itself costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opcode_core.actions import (
        Action,
        ActionContext,
        ActionSource,
        Effect,
        NoParams,
        Output,
        Params,
        Provenance,
        Segment,
        StepLog,
        action,
    )
    from opcode_core.durations import format_duration, parse_duration
    from opcode_core.errors import (
        ActionUnavailableError,
        AssertionFailedError,
        ConflictError,
        ExecutionError,
        InterpolationError,
        LimitExceededError,
        NonRetryableError,
        NotFoundError,
        OpcodeError,
        PathDeniedError,
        PermissionDeniedError,
        StepTimeoutError,
        ValidationError,
        VaultError,
        WorkflowFailed,
    )
    from opcode_core.expressions import (
        MAX_DEPTH,
        MAX_NODES,
        MAX_SECONDS,
        MAX_SOURCE_BYTES,
        Expression,
        ExpressionEngine,
        ExpressionSyntaxError,
        ReadPath,
        Variables,
    )
    from opcode_core.jsonio import canonical_json, compact_json, number_text, parse_json
    from opcode_core.model.problems import Problem, pointer
    from opcode_core.plugins.hookspecs import (
        ActionRegistrar,
        EngineRegistrar,
        StepTypeRegistrar,
        hookimpl,
    )
    from opcode_core.steps import NOT_NOW, BoundAction, StepContext, StepSource, StepType, Template

_HOMES = {
    "actions": (
        "Action ActionContext ActionSource Effect NoParams Output Params Provenance Segment StepLog action"
    ),
    "durations": "format_duration parse_duration",
    "errors": (
        "ActionUnavailableError AssertionFailedError ConflictError ExecutionError InterpolationError LimitExceededError "
        "NonRetryableError NotFoundError OpcodeError PathDeniedError PermissionDeniedError StepTimeoutError "
        "ValidationError VaultError WorkflowFailed"
    ),
    "expressions": (
        "MAX_DEPTH MAX_NODES MAX_SECONDS MAX_SOURCE_BYTES Expression ExpressionEngine ExpressionSyntaxError ReadPath "
        "Variables"
    ),
    "jsonio": "canonical_json compact_json number_text parse_json",
    "model.problems": "Problem pointer",
    "plugins.hookspecs": "ActionRegistrar EngineRegistrar StepTypeRegistrar hookimpl",
    "steps": "NOT_NOW BoundAction StepContext StepSource StepType Template",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [  # noqa: PLE0604 - the names above, from the one table that also loads them
    *sorted(_HOME_OF)
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"opcode_core exports no {name!r}")
    value = getattr(importlib.import_module(f"opcode_core.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
