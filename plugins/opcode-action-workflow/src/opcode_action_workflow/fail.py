"""`workflow.fail`: the end of a workflow, on purpose."""

from __future__ import annotations

from typing import NoReturn

from opcode_core import Effect, Params, WorkflowFailed, action
from pydantic import Field


class FailParams(Params):
    """What `workflow.fail` takes."""

    # Empty is not refused: a reason that a reference left empty must still end the workflow, and
    # a refused parameter would be an error that a strategy may handle.
    reason: str = Field(description="Why; it becomes the message of the workflow's error.")


@action("workflow.fail", effect=Effect.PURE)
def fail(params: FailParams) -> NoReturn:
    """Fail the workflow with `reason`.

    The error has the code NON_RETRYABLE; no retry and no error strategy handles it.
    """
    given = bool(params.reason.strip())
    raise WorkflowFailed(params.reason if given else "the workflow was failed without a reason")
