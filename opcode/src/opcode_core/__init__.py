"""What authors of OPCODE plugins may use, and nothing else.

Names are loaded when first used, so that `import opcode_core` itself costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opcode_core.actions import (
        Action as Action,
        Effect as Effect,
        NoParams as NoParams,
        Output as Output,
        Params as Params,
        action as action,
    )
    from opcode_core.binding import BoundAction as BoundAction
    from opcode_core.durations import (
        format_duration as format_duration,
        parse_duration as parse_duration,
    )
    from opcode_core.errors import (
        ActionUnavailableError as ActionUnavailableError,
        AssertionFailedError as AssertionFailedError,
        ConflictError as ConflictError,
        ExecutionError as ExecutionError,
        InterpolationError as InterpolationError,
        IsolationError as IsolationError,
        LimitExceededError as LimitExceededError,
        NonRetryableError as NonRetryableError,
        NotFoundError as NotFoundError,
        OpcodeError as OpcodeError,
        PathDeniedError as PathDeniedError,
        PermissionDeniedError as PermissionDeniedError,
        StepTimeoutError as StepTimeoutError,
        ValidationError as ValidationError,
        VaultError as VaultError,
        WorkflowFailed as WorkflowFailed,
    )
    from opcode_core.expressions import (
        MAX_NODES as MAX_NODES,
        Expression as Expression,
        ExpressionEngine as ExpressionEngine,
        ExpressionLimits as ExpressionLimits,
        ExpressionSyntaxError as ExpressionSyntaxError,
        ReadPath as ReadPath,
        Variables as Variables,
    )
    from opcode_core.fields import Field as Field
    from opcode_core.jsonio import (
        canonical_json as canonical_json,
        compact_json as compact_json,
        number_text as number_text,
        parse_json as parse_json,
        type_name as type_name,
    )
    from opcode_core.lent import (
        ActionContext as ActionContext,
        ActionSource as ActionSource,
        Policy as Policy,
        Provenance as Provenance,
        Segment as Segment,
        StepLog as StepLog,
    )
    from opcode_core.model.events import (
        CONDITION_EVALUATED as CONDITION_EVALUATED,
        ENGINE_EVENTS as ENGINE_EVENTS,
        LOOP_COMPLETED as LOOP_COMPLETED,
        LOOP_ITER_COMPLETED as LOOP_ITER_COMPLETED,
        LOOP_ITER_STARTED as LOOP_ITER_STARTED,
        PARALLEL_COMPLETED as PARALLEL_COMPLETED,
        PARALLEL_STARTED as PARALLEL_STARTED,
    )
    from opcode_core.model.problems import Problem as Problem, pointer as pointer
    from opcode_core.plugins.hookspecs import (
        ActionRegistrar as ActionRegistrar,
        CheckupRegistrar as CheckupRegistrar,
        EngineRegistrar as EngineRegistrar,
        RuleRegistrar as RuleRegistrar,
        StepTypeRegistrar as StepTypeRegistrar,
        hookimpl as hookimpl,
    )
    from opcode_core.plugins.inspection import Finding as Finding
    from opcode_core.references.parse import (
        NAMESPACES as NAMESPACES,
        Reference as Reference,
        ReferenceSyntaxError as ReferenceSyntaxError,
        has_reference as has_reference,
        parse_path as parse_path,
        parse_text as parse_text,
    )
    from opcode_core.schema_weight import weigh as weigh, weigh_compiling as weigh_compiling
    from opcode_core.step_context import (
        NestedSteps as NestedSteps,
        Question as Question,
        StepContext as StepContext,
        Template as Template,
    )
    from opcode_core.steps import (
        NOT_NOW as NOT_NOW,
        StepSource as StepSource,
        StepType as StepType,
    )
    from opcode_core.suggest import (
        hint_for as hint_for,
        listing as listing,
        nearest as nearest,
    )

_HOMES = {
    "actions": "Action Effect NoParams Output Params action",
    "lent": "ActionContext ActionSource Policy Provenance Segment StepLog",
    "durations": "format_duration parse_duration",
    "errors": (
        "ActionUnavailableError AssertionFailedError ConflictError ExecutionError InterpolationError IsolationError "
        "LimitExceededError NonRetryableError NotFoundError OpcodeError PathDeniedError PermissionDeniedError "
        "StepTimeoutError ValidationError VaultError WorkflowFailed"
    ),
    "expressions": (
        "MAX_NODES Expression ExpressionEngine ExpressionLimits ExpressionSyntaxError ReadPath Variables"
    ),
    "fields": "Field",
    "jsonio": "canonical_json compact_json number_text parse_json type_name",
    "model.problems": "Problem pointer",
    "model.events": (
        "CONDITION_EVALUATED ENGINE_EVENTS LOOP_COMPLETED LOOP_ITER_COMPLETED LOOP_ITER_STARTED PARALLEL_COMPLETED "
        "PARALLEL_STARTED"
    ),
    "schema_weight": "weigh weigh_compiling",
    "plugins.hookspecs": (
        "ActionRegistrar CheckupRegistrar EngineRegistrar RuleRegistrar StepTypeRegistrar hookimpl"
    ),
    "plugins.inspection": "Finding",
    "binding": "BoundAction",
    "references.parse": "NAMESPACES Reference ReferenceSyntaxError has_reference parse_path parse_text",
    "step_context": "NestedSteps Question StepContext Template",
    "steps": "NOT_NOW StepSource StepType",
    "suggest": "hint_for listing nearest",
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
