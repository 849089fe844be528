"""Random workflows whose end is known before they run."""

from __future__ import annotations

import random
from typing import Any

CHILD = {
    "steps": [
        {"id": "deep", "type": "action", "action": "c.send", "params": {"name": "deep"}},
        {
            "id": "deeper",
            "type": "action",
            "action": "c.put",
            "params": {"name": "deeper"},
            "depends_on": ["deep"],
        },
    ]
}
_OUTPUTS = {"put": "put", "send": "sent", "flaky": "done"}


class RandomTemplate:
    """A random workflow.

    Attributes:
        definition: It.
        expected: What it comes to, but for the input `n`, which it gives back as `n`.

    Args:
        seed: What it is made of.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._count = 0
        self.expected: dict[str, Any] = {}
        output: dict[str, Any] = {"n": "${{inputs.n}}"}
        steps: list[dict[str, Any]] = []
        for _ in range(self._chance.randint(2, 7)):
            step, expected = self._step(depth=0)
            if steps and self._chance.random() < 0.7:
                step["depends_on"] = [self._chance.choice(steps)["id"]]
            steps.append(step)
            if step["type"] == "reasoning":
                output[step["id"]] = f"${{{{steps.{step['id']}.choice}}}}"
            elif expected is not None:
                output[step["id"]] = f"${{{{steps.{step['id']}.output}}}}"
            if expected is not None:
                self.expected[step["id"]] = expected
        self.definition = {"steps": steps, "output": output}

    def _step(self, depth: int) -> tuple[dict[str, Any], Any]:
        """A step and what it gives; None where that is not known."""
        kinds = ["think", "compute", "put", "send", "flaky"]
        if not depth:
            kinds += ["loop", "parallel", "wait", "ask", "go", "run"]
        kind = self._chance.choice(kinds)
        self._count += 1
        step_id = f"{kind}{self._count}"
        if kind in ("loop", "parallel"):
            return self._nest(kind, step_id)
        if kind == "wait":
            pause = f"{self._chance.randint(5, 400)}ms"
            return {"id": step_id, "type": "wait", "config": {"duration": pause}}, None
        if kind == "ask":
            config = {"prompt_context": "Which?", "options": [{"id": "one"}, {"id": "two"}]}
            return {"id": step_id, "type": "reasoning", "config": config}, "two"
        if kind == "go":
            expected = {"signal": step_id, "payload": {"from": "soak"}}
            return {"id": step_id, "type": "wait", "config": {"signal": step_id}}, expected
        if kind == "run":
            params = {"template_name": "child"}
            run = {"id": step_id, "type": "action", "action": "workflow.run", "params": params}
            return run, {"put": "deeper"}
        return self._action(kind, step_id)

    def _action(self, kind: str, step_id: str) -> tuple[dict[str, Any], Any]:
        params: dict[str, Any] = {"name": step_id}
        step = {"id": step_id, "type": "action", "action": f"c.{kind}", "params": params}
        if kind == "flaky":
            step["retry"] = {"max": 3, "backoff": "constant", "delay": "20ms"}
        if kind in _OUTPUTS:
            return step, {_OUTPUTS[kind]: step_id}
        params["value"] = self._chance.randint(0, 99)
        return step, {"of": step_id, "value": params["value"]}

    def _nest(self, kind: str, step_id: str) -> tuple[dict[str, Any], Any]:
        first, given = self._step(depth=1)
        if kind == "loop":
            count = self._chance.randint(1, 4)
            config = {
                "mode": "for_each",
                "over": list(range(count)),
                "body": [first],
                "concurrency": self._chance.randint(1, 3),
            }
            step = {"id": step_id, "type": "loop", "config": config}
            return step, {"iterations": count, "results": [given] * count}
        second, also = self._step(depth=1)
        config = {"mode": "all", "branches": [[first], [second]]}
        return (
            {"id": step_id, "type": "parallel", "config": config},
            {"mode": "all", "branches": [given, also]},
        )
