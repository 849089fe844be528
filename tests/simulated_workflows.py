"""Random definitions: every type of step, nested, with guards, retries, handlers, timeouts and hooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

MAX_DEPTH = 4
CHILDREN = ("child_0", "child_1")

Step = dict[str, Any]


@dataclass
class Facts:
    """What is known of a definition beforehand.

    Attributes:
        guards: Step → what its guard says.
        primaries: Fallback step → the steps it stands in for.
        waits: Top-level step → what must have settled before it begins.
        consenting: Steps that may run twice because the definition says so, or one around them is tried again.
        actions: Steps that call a simulated action.
    """

    guards: dict[str, bool] = field(default_factory=dict)
    primaries: dict[str, set[str]] = field(default_factory=dict)
    waits: dict[str, set[str]] = field(default_factory=dict)
    consenting: set[str] = field(default_factory=set)
    actions: set[str] = field(default_factory=set)


class Maker:
    """Makes one definition.

    Args:
        random: Decides.
        repeatable: Whether what it gives must not depend on what happens when.
        size: About how many steps it has at most.
        children: Whether it may start other workflows.
    """

    def __init__(
        self, random: Random, *, repeatable: bool = False, size: int = 12, children: bool = True
    ) -> None:
        self._random = random
        self._repeatable = repeatable
        self._left = size
        self._children = children
        self._count = 0
        self._spares: list[str] = []
        self.facts = Facts()

    def definition(self) -> dict[str, Any]:
        """A whole definition."""
        random = self._random
        made: dict[str, Any] = {"steps": self._steps(0)}
        if random.random() < 0.3:
            made["schedule"] = random.choice(("level", "dataflow"))
        for name in ("on_complete", "on_error"):
            if random.random() < 0.15:
                made[name] = self._plain(consent=False)
        if not self._repeatable and random.random() < 0.15:
            made["timeout"] = random.choice(("20ms", "1s", "40s", "3h"))
            made["on_timeout"] = random.choice(("fail", "suspend", "cancel"))
        self._note_waits(made)
        return made

    def _note_waits(self, made: dict[str, Any]) -> None:
        steps = {step["id"]: step for step in made["steps"]}
        walked = [one for one in steps if one not in self.facts.primaries]
        levels: dict[str, int] = {}
        for step_id in walked:
            before = steps[step_id].get("depends_on", ())
            levels[step_id] = 1 + max((levels[one] for one in before), default=0)
        for step_id in walked:
            if made.get("schedule") == "dataflow":
                self.facts.waits[step_id] = set(steps[step_id].get("depends_on", ()))
            else:
                self.facts.waits[step_id] = {one for one in walked if levels[one] < levels[step_id]}

    def _id(self) -> str:
        self._count += 1
        return f"s{self._count}"

    def _steps(self, depth: int, *, consent: bool = False) -> list[Step]:
        random = self._random
        spare = self._id() if random.random() < 0.3 else None
        if spare is not None:
            self._spares.append(spare)
        steps: list[Step] = []
        for _ in range(random.choice((1, 1, 2, 2, 3)) + (depth == 0)):
            if self._left <= 0 and steps:
                break
            step = self._step(depth, consent=consent)
            if steps and depth == 0 and random.random() < 0.6:
                before = random.sample(steps, random.randint(1, min(2, len(steps))))
                step["depends_on"] = [one["id"] for one in before]
            self._refer(step, steps, depth)
            steps.append(step)
        if spare is not None:
            self._spares.remove(spare)
            if spare in self.facts.primaries:
                stand_in = self._plain(consent=consent)
                self._known(stand_in, spare)
                steps.insert(random.randint(0, len(steps)), stand_in)
        return steps

    def _known(self, step: Step, step_id: str) -> None:
        """Let a step have another id."""
        before = step["id"]
        step["id"] = step_id
        if before in self.facts.guards:
            self.facts.guards[step_id] = self.facts.guards.pop(before)
        for names in (self.facts.consenting, self.facts.actions, *self.facts.primaries.values()):
            if before in names:
                names.add(step_id)

    def _refer(self, step: Step, before: list[Step], depth: int) -> None:
        """Let an action take what an earlier step gave."""
        certain = step.get("depends_on", []) if depth == 0 else [one["id"] for one in before]
        if certain and "value" in step.get("params", {}) and self._random.random() < 0.5:
            step["params"]["value"] = f"${{{{steps.{self._random.choice(certain)}.output}}}}"

    def _step(self, depth: int, *, consent: bool) -> Step:
        self._left -= 1
        random = self._random
        if depth < MAX_DEPTH and self._left > 0 and random.random() < 0.45:
            return self._container(depth, consent=consent)
        return self._plain(consent=consent)

    def _container(self, depth: int, *, consent: bool) -> Step:
        random = self._random
        step: Step = {"id": self._id()}
        self._policies(step, likely_to_fail=True)
        consent = consent or "retry" in step or step.get("on_error", {}).get("strategy") == "retry"
        kind = random.choice(("condition", "loop", "loop", "parallel", "parallel"))
        step["type"] = kind
        if kind == "condition":
            step["config"] = {
                "expression": random.choice(("true", "false", "inputs.size() == 0", "'x'")),
                "branches": {"true": self._steps(depth + 1, consent=consent)},
            }
            if random.random() < 0.5:
                step["config"]["default"] = self._steps(depth + 1, consent=consent)
        elif kind == "loop":
            step["config"] = {**self._mode(), "body": self._steps(depth + 1, consent=consent)}
        else:
            count = random.choice((1, 2, 2, 3))
            branches = [self._steps(depth + 1, consent=consent) for _ in range(count)]
            mode = "all" if self._repeatable else random.choice(("all", "race"))
            step["config"] = {"branches": branches, "mode": mode}
        return step

    def _mode(self) -> dict[str, Any]:
        random = self._random
        mode = random.choice(("for_each", "for_each", "while", "until"))
        if mode == "for_each":
            config: dict[str, Any] = {
                "mode": mode,
                "over": list(range(random.choice((0, 1, 2, 3)))),
            }
            if random.random() < 0.6:
                config["concurrency"] = random.choice((2, 3))
            return config
        condition = random.choice(
            ("iter.index < 2", "iter.index == 0", "true", "iter.last != null")
        )
        return {"mode": mode, "condition": condition, "max_iter": random.choice((1, 2, 3))}

    def _plain(self, *, consent: bool) -> Step:
        random = self._random
        step: Step = {"id": self._id()}
        kind = random.choice(("now", "now", "work", "work", "work", "wait", "reasoning", "run"))
        if kind == "run" and not self._children:
            kind = "work"
        failures = random.choice((0, 0, 0, 1, 2, 9))
        self._policies(step, likely_to_fail=kind in ("now", "work") and failures > 0)
        if consent or "retry" in step or step.get("on_error", {}).get("strategy") == "retry":
            self.facts.consenting.add(step["id"])
        if step.get("on_interrupt") == "retry":
            self.facts.consenting.add(step["id"])
        if kind == "wait":
            step |= {"type": "wait", "config": self._wait()}
        elif kind == "reasoning":
            step |= {"type": "reasoning", "config": self._question()}
        elif kind == "run":
            step |= {
                "action": "workflow.run",
                "params": {"template_name": random.choice(CHILDREN)},
            }
        else:
            params: dict[str, Any] = {"value": random.randint(0, 9), "failures": failures}
            if random.random() < 0.2:
                params["final"] = True
            if kind == "work":
                params["seconds"] = random.choice((-1.0, 0.0, 0.0, 0.001, 0.03, 0.5, 20.0, 4000.0))
                params["effect"] = random.choice(("pure", "idempotent", "unsafe", "unsafe"))
            step |= {"action": f"sim.{kind}", "params": params}
            if kind == "now" and not self._repeatable and random.random() < 0.05:
                step |= {"action": "workflow.fail", "params": {"reason": "enough"}}
            else:
                self.facts.actions.add(step["id"])
        return step

    def _wait(self) -> dict[str, Any]:
        random = self._random
        if random.random() < 0.6:
            return {"duration": random.choice(("0ms", "1ms", "40ms", "3s", "50s", "2h"))}
        config = {"signal": random.choice(("go", "stop"))}
        if not self._repeatable and random.random() < 0.5:
            config["timeout"] = random.choice(("10ms", "10s", "1h"))
        return config

    def _question(self) -> dict[str, Any]:
        random = self._random
        config: dict[str, Any] = {"prompt_context": "now what?"}
        if random.random() < 0.7:
            config["options"] = [{"id": "yes"}, {"id": "no"}]
        if not self._repeatable and random.random() < 0.4:
            config["timeout"] = random.choice(("10ms", "10s", "1h"))
            if random.random() < 0.5:
                config["fallback"] = "no"
        return config

    def _policies(self, step: Step, *, likely_to_fail: bool) -> None:
        random = self._random
        if random.random() < 0.15:
            verdict = random.random() < 0.5
            step["condition"] = "true" if verdict else "1 > 2"
            self.facts.guards[step["id"]] = verdict
        if random.random() < (0.5 if likely_to_fail else 0.1):
            step["retry"] = {
                "max": random.choice((0, 1, 1, 2)),
                "backoff": random.choice(("none", "constant", "linear", "exponential")),
                "delay": random.choice(("0ms", "5ms", "1s", "10m")),
                "jitter": random.random() < 0.3,
            }
        if random.random() < (0.6 if likely_to_fail else 0.1):
            strategies = ["ignore", "retry", *(["fallback_step"] * 2 if self._spares else [])]
            if not self._repeatable:
                strategies.append("fail_workflow")
            strategy = random.choice(strategies)
            step["on_error"] = {"strategy": strategy}
            if strategy == "fallback_step":
                spare = random.choice(self._spares)
                step["on_error"]["fallback_step"] = spare
                self.facts.primaries.setdefault(spare, set()).add(step["id"])
        if random.random() < 0.2:
            choices = ("suspend", "retry") if self._repeatable else ("suspend", "retry", "fail")
            step["on_interrupt"] = random.choice(choices)
        if not self._repeatable and random.random() < 0.15:
            step["timeout"] = random.choice(("1ms", "30ms", "2s", "90s", "3h"))
