"""What the steps of a list declare about their outputs, asked for when something refers to one."""

from __future__ import annotations

from opcode_core.logs import logger
from opcode_core.plan.shapes import Shape, shape_of
from opcode_core.steps import StepType


class DeclaredOutputs:
    """The declared outputs of the steps of one list (`Outputs`)."""

    def __init__(self) -> None:
        self._types: dict[str, StepType] = {}
        self._shapes: dict[str, Shape | None] = {}

    def add(self, step_id: str, kind: StepType) -> None:
        """Take in a compiled step whose output is what its type says, or nothing."""
        self._types[step_id] = kind

    def output(self, step_id: str) -> Shape | None:
        """The shape of a step's output; None when nothing is said about it."""
        if step_id not in self._shapes:
            kind = self._types.get(step_id)
            self._shapes[step_id] = None if kind is None else _declared(kind)
        return self._shapes[step_id]


def _declared(kind: StepType) -> Shape | None:
    try:
        return shape_of(kind.output_schema)
    except Exception as error:  # noqa: BLE001 - a plugin's own fault: then nothing is known
        data = {"type": kind.name}
        logger.warning("a declared output cannot be read", exc_info=error, extra={"data": data})
        return None
