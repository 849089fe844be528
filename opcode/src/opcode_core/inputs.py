"""The inputs of a run: the definition's defaults, what the caller gave, what the schema adds, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opcode_core.errors import LimitExceededError, ValidationError
from opcode_core.jsonio import is_deeper, write_json
from opcode_core.model.definition import Plan
from opcode_core.plan.schemas import apply_defaults


def refuse_deep(name: str, values: Mapping[str, Any] | None, most: int) -> None:
    """Refuse an argument that a value in it is nested too deep for.

    Args:
        name: The argument.
        values: What was given; None for nothing.
        most: How many levels a value may have.

    Raises:
        LimitExceededError: One has more.
    """
    if is_deeper(values, most + 1):
        raise LimitExceededError(
            f"a value in `{name}` is nested deeper than {most} levels", {"limit": most}
        )


def resolve_inputs(
    plan: Plan, params: Mapping[str, Any], workflow: Mapping[str, Any]
) -> dict[str, Any]:
    """Put the inputs of a run together.

    Args:
        plan: Whose inputs they are.
        params: What the caller gave; each key replaces the default of the same name, which is not evaluated then.
        workflow: What `${{workflow.*}}` in a default reads.

    Raises:
        ValidationError: They are not what the input schema says, or no JSON.
        InterpolationError: A default refers to what is not there.
        VaultError: A default refers to a secret that cannot be had.
    """
    write_json(dict(params))
    variables = {"workflow": workflow, "context": plan.context}
    inputs = {
        name: params[name] if name in params else node.resolve(variables)
        for name, node in plan.inputs.items()
    }
    inputs.update((name, value) for name, value in params.items() if name not in inputs)
    if plan.check_inputs is None:
        return inputs
    inputs = apply_defaults(plan.schema_defaults, inputs)
    issues = plan.check_inputs(inputs)
    if issues:
        first = issues[0]
        raise ValidationError(
            f"the inputs are not what input_schema says: {first['path'] or '/'}: {first['message']}",
            {
                "issues": [
                    {**issue, "code": "INVALID_VALUE", "severity": "error"} for issue in issues
                ]
            },
        )
    return inputs
