"""The power goes at every moment of a run: what was acknowledged is there afterwards, and nothing is damaged.

`OPCODE_EVERY_MOMENT=1` (`make crash-all`) looks at every operation of the run, else at some of them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from crash import shim
from crash.powerloss import Verdict, replay

pytestmark = pytest.mark.skipif(shim.WHY_NOT is not None, reason=str(shim.WHY_NOT))
EVERY = 1 if os.environ.get("OPCODE_EVERY_MOMENT") else 7


def lose_power(folder: Path, mode: str) -> Verdict:
    images, run, log = folder / "images", folder / "run", folder / "log"
    for made in (images, run):
        made.mkdir()
    shim.run_on(shim.build(folder), run, ["crash.recording", str(run), mode], log=log)
    verdict = replay(log, images, EVERY, open_every=23)
    assert verdict.operations > 1000
    assert verdict.images > 3 * 1000 / EVERY
    assert verdict.acknowledged > 400, "hardly anything was promised"
    return verdict


def test_with_full_durability_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    verdict = lose_power(tmp_path, "full")
    assert (verdict.corrupt, verdict.lost) == ([], 0)
    assert verdict.opened > 10


def test_with_normal_durability_the_end_may_be_missing_but_nothing_is_damaged(
    tmp_path: Path,
) -> None:
    verdict = lose_power(tmp_path, "normal")
    assert verdict.corrupt == []
    assert verdict.opened > 10


def test_the_replay_finds_what_is_wrong_when_nothing_is_synced(tmp_path: Path) -> None:
    verdict = lose_power(tmp_path, "off")
    assert len(verdict.corrupt) > 20
    assert verdict.lost > 20
