"""Whether an action does to the world what it says it does."""

from __future__ import annotations

import stat
from pathlib import Path

from opcode_core.actions import Effect
from opcode_core.testing.attempts import Outcome
from opcode_core.testing.contract.subject import BreachError, Subject, Trial

Snapshot = dict[str, tuple[int, bytes]]


def effect(subject: Subject) -> None:
    """A pure action touches neither files, network, processes nor the environment, and changes no state."""
    for trial in subject.trials():
        if trial.effect_of() is not Effect.PURE:
            continue
        before = snapshot(trial.room.folder)
        outcome = trial.run()
        done = [*trial.seen, *(f"changes the workflow ({one})" for one in outcome.context.changes)]
        if not done and snapshot(trial.room.folder) != before:
            done = ["changes files"]
        if done:
            raise BreachError(
                f"it says that it is pure, and {'; '.join(done)}: a step of it is repeated without asking. Say "
                "`Effect.IDEMPOTENT` when twice is as once, else `Effect.UNSAFE`"
            )


def twice(subject: Subject) -> None:
    """Running an idempotent action twice leaves the world as running it once."""
    for trial in subject.trials():
        if trial.effect_of() is not Effect.IDEMPOTENT:
            continue
        first = trial.run()
        once = _world(trial, first)
        second = trial.run(context=first.context.context)
        if first.error is None and second.error is not None:
            raise BreachError(
                f"it says that it is idempotent, and the second time it fails: {second.error.message}. What is as it "
                "should be already is a success"
            )
        if _world(trial, second) != once:
            raise BreachError(
                "it says that it is idempotent, and after the second time the world is not as after the first: say "
                "`Effect.UNSAFE`, or do it so that twice is as once"
            )


def snapshot(folder: Path) -> Snapshot:
    """What is in a folder: mode and content of each path."""
    found: Snapshot = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        content = b""
        if stat.S_ISLNK(mode):
            content = str(path.readlink()).encode()
        elif stat.S_ISREG(mode):
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (mode, content)
    return found


def _world(trial: Trial, outcome: Outcome) -> tuple[Snapshot, dict[str, object]]:
    return snapshot(trial.room.folder), outcome.context.context
