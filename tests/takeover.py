"""Clients that never stop working while the process that is their engine is killed, again and again.

    python tests/takeover.py [ROUNDS [CLIENTS]]

Each client runs workflows of two kinds, one after the other: steps with effects that must not be repeated, and a
decision that it answers itself. Every round waits until all clients have been answered since the round before, and
kills the engine, which is one of the clients' own servers: that client starts its server again, as MCP clients do. In
the end every call has its answer, every workflow ended, and each effect happened once.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relay_room import HungUpError, Server, engine_of

_DECISION = {
    "id": "ask",
    "type": "reasoning",
    "config": {"prompt_context": "go on?", "options": [{"id": "yes"}, {"id": "no"}]},
    "depends_on": ["first"],
}


def _line(name: str, after: list[str]) -> dict[str, Any]:
    params = {"path": f"{name}.txt", "content": "${{inputs.token}}\n"}
    return {"id": name, "action": "fs.append", "params": params, "depends_on": after}


TEMPLATES = {
    "effects": [
        _line("first", []),
        {"id": "between", "type": "wait", "config": {"duration": "30ms"}, "depends_on": ["first"]},
        _line("second", ["between"]),
    ],
    "decision": [_line("first", []), _DECISION, _line("second", ["ask"])],
}


@dataclass
class Report:
    """What came of it.

    Attributes:
        pauses: For each round, how many seconds after the kill each other client had its next answer, sorted.
        calls: How many calls were answered.
        refused: Answers that refused a call.
        workflows: How many were asked for.
        ended: How many completed.
        lost: Tokens without a workflow, or with one that has not completed.
        doubled: Effects that happened more than once, and workflows that were started twice.
        missing: Effects of completed workflows that did not happen.
        asked_again: How many steps were interrupted in the middle of an effect, and were decided by the client.
    """

    pauses: list[list[float]] = field(default_factory=list)
    calls: int = 0
    refused: list[Any] = field(default_factory=list)
    workflows: int = 0
    ended: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    asked_again: int = 0

    @property
    def wrong(self) -> list[Any]:
        """All that must not be."""
        return [*self.lost, *self.missing, *self.doubled, *self.refused]


class _Client(threading.Thread):
    """One client: runs workflows until it is told to stop, whatever becomes of its server."""

    def __init__(self, name: str, database: Path, folder: Path) -> None:
        super().__init__(name=name, daemon=True)
        self._database = database
        self._folder = folder
        self.server = Server(database, folder=folder).greet()
        self.answers: list[float] = []
        self.answered = threading.Condition()
        self.tokens: list[str] = []
        self.refused: list[Any] = []
        self.interrupted = 0
        self.failure: BaseException | None = None
        self._stopping = threading.Event()
        self._count = 0

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._workflow("decision" if len(self.tokens) % 2 else "effects")
        except BaseException as error:
            self.failure = error
            raise

    def stop(self) -> None:
        self._stopping.set()
        self.join(120)
        assert not self.is_alive(), f"{self.name} waits for an answer"

    def wait_for_answer(self, since: float) -> float:
        """When the first answer came after that moment."""
        with self.answered:
            came = self.answered.wait_for(
                lambda: self.failure or (self.answers and self.answers[-1] > since), 60
            )
        assert came, f"{self.name} has no answer"
        assert self.failure is None, self.failure
        return next(moment for moment in self.answers if moment > since)

    def _workflow(self, template: str) -> None:
        token = f"{self.name}.{len(self.tokens)}"
        self.tokens.append(token)
        state = self._begun(template, token)
        while state["status"] != "completed":
            assert state["status"] in ("active", "suspended"), state
            waiting = state.get("pending_decisions")
            if waiting:
                self._signal(state, "decision", waiting[0]["step_id"], {"choice": "yes"})
            for step_id, step in state["steps"].items():
                if (
                    step["status"] == "suspended"
                    and step.get("error", {}).get("code") == "INTERRUPTED"
                ):
                    self.interrupted += 1
                    done = token in (self._folder / f"{step_id}.txt").read_text().split()
                    self._signal(state, "skip" if done else "retry", step_id, {})
            state = self._call("status", workflow_id=state["workflow_id"], wait_ms=5000)

    def _begun(self, template: str, token: str) -> dict[str, Any]:
        """Run it; each second one without a key of its own, which the agent's name stands in for here."""
        arguments: dict[str, Any] = {
            "template_name": template,
            "agent_id": token,
            "params": {"token": token},
        }
        if len(self.tokens) % 4 < 2:
            return self._call("run", **arguments, idempotency_key=token)
        try:
            return self._once("run", **arguments)
        except HungUpError:
            self._restart()
        found = self._call("query", resource="workflows", filter={"agent_id": token})["workflows"]
        if not found:
            return self._call("run", **arguments)
        return self._call("status", workflow_id=found[0]["workflow_id"])

    def _signal(self, state: dict[str, Any], kind: str, step_id: str, payload: Any) -> None:
        arguments = {
            "workflow_id": state["workflow_id"],
            "signal_type": kind,
            "step_id": step_id,
            "payload": payload,
        }
        try:
            self._once("signal", **arguments)
        except HungUpError:  # our own server: whether the signal was taken, `status` will tell
            self._restart()

    def _call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        while True:
            try:
                return self._once(verb, **arguments)
            except HungUpError:
                self._restart()

    def _once(self, verb: str, **arguments: Any) -> dict[str, Any]:
        self._count += 1
        self.server.ask(verb, self._count, **arguments)
        result = self.server.answer(self._count, 60)["result"]
        with self.answered:
            self.answers.append(time.monotonic())
            self.answered.notify_all()
        if result.get("isError"):
            self.refused.append(result)
            raise AssertionError(result)
        return dict(result["structuredContent"])

    def _restart(self) -> None:
        while True:
            self.server.close()
            self.server = Server(self._database, folder=self._folder)
            try:
                self.server.greet()
            except HungUpError:  # it became the engine, and was killed at once
                continue
            return


def kill_engines(rounds: int, clients: int, folder: Path) -> Report:
    """Kill the engine so many times.

    Args:
        rounds: How many times.
        clients: How many clients there are beside the one whose server is killed.
        folder: An empty folder.
    """
    database = folder / "opcode.db"
    chance = random.Random(rounds * 1000 + clients)
    team: list[_Client] = []
    report = Report()
    try:
        team.extend(_Client(f"c{number}", database, folder) for number in range(clients + 1))
        for name, steps in TEMPLATES.items():
            definition = {"steps": steps}
            team[0].server.call("define", name=name, agent_id="me", definition=definition)
        for client in team:
            client.start()
        since = time.monotonic()
        for _ in range(rounds):
            since = _round(team, database, since, chance, report)
        for client in team:
            client.wait_for_answer(since)
            client.stop()
        _count(team, folder, report)
    finally:
        for client in team:
            client.server.close()
    return report


def _round(
    team: list[_Client], database: Path, since: float, chance: random.Random, report: Report
) -> float:
    for client in team:
        client.wait_for_answer(since)
    engine = engine_of(database)
    victim = next(client for client in team if client.server.pid == engine)
    time.sleep(chance.random() * 0.2)  # somewhere in the midst of what they do
    killed = time.monotonic()
    victim.server.kill()
    others = [client for client in team if client is not victim]
    report.pauses.append(sorted(client.wait_for_answer(killed) - killed for client in others))
    return time.monotonic()


def _count(team: list[_Client], folder: Path, report: Report) -> None:
    server = team[0].server
    for client in team:
        report.calls += len(client.answers)
        report.refused += client.refused
        report.asked_again += client.interrupted
        report.workflows += len(client.tokens)
        for token in client.tokens:
            found = server.call("query", resource="workflows", filter={"agent_id": token})[
                "workflows"
            ]
            report.ended += len(found) == 1 and found[0]["status"] == "completed"
            if not found or found[0]["status"] != "completed":
                report.lost.append(token)
            if len(found) > 1:
                report.doubled.append(token)
    tokens = {token for client in team for token in client.tokens}
    for name in ("first", "second"):
        happened = Counter((folder / f"{name}.txt").read_text().split())
        report.doubled += [f"{token} {name}" for token, count in happened.items() if count > 1]
        report.missing += [f"{token} {name}" for token in tokens if token not in happened]


def main() -> int:
    """Print what came of it; the exit code is 1 if something was lost or done twice."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    clients = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    with tempfile.TemporaryDirectory() as folder:
        report = kill_engines(rounds, clients, Path(folder))
    sys.stdout.write(_told(report, clients))
    return 1 if report.wrong else 0


def _told(report: Report, clients: int) -> str:
    every = [pause for pauses in report.pauses for pause in pauses]
    first, last = ([pauses[at] for pauses in report.pauses] for at in (0, -1))
    lines = [
        f"{len(report.pauses)} kills under {clients} other clients: {report.calls} calls answered"
    ]
    for what, pauses in (("first client", first), ("last client", last), ("clients", every)):
        median, worst = statistics.median(pauses), max(pauses)
        lines.append(f"pause of the {what}: median {median:.2f} s, worst {worst:.2f} s")
    lines += [
        f"workflows: {report.workflows}, completed {report.ended}, lost {len(report.lost)}",
        f"effects: missing {len(report.missing)}, doubled {len(report.doubled)}",
        f"calls refused: {len(report.refused)}",
        f"steps interrupted in the middle of an effect, decided by their client: {report.asked_again}",
        *(f"wrong: {one}" for one in report.wrong[:20]),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
