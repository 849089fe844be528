"""The real engine in virtual time: random workflows, random order, random signals, crashes at random moments.

`make simulate` lives many more lives than the tests do. A life that fails is told by its numbers: `live(story, life,
…)` lives it again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from opcode_core.plugins.registry import Registry
from simulated_actions import Outside, simulated
from simulation import Simulation, make_story

MORE = int(os.environ.get("OPCODE_SIMULATE", "1"))
"""How many times as many lives."""
BLOCKS = 8


@pytest.fixture(scope="module")
def outside() -> Outside:
    return Outside()


@pytest.fixture(scope="module")
def registry(outside: Outside) -> Registry:
    return simulated(outside)


def stories(block: int, count: int) -> Iterator[int]:
    first = block * count * MORE
    yield from range(first, first + count * MORE)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_happens_when_the_laws_hold(
    block: int, registry: Registry, outside: Outside
) -> None:
    for story in stories(block, 30):
        made = make_story(story, registry)
        for life in range(4):
            try:
                Simulation(made, story * 100 + life, outside, signals=True).run()
            except BaseException as error:
                error.add_note(f"story {story}, life {life}")
                raise


@pytest.mark.parametrize("block", range(BLOCKS))
def test_the_laws_hold_over_crashes(block: int, registry: Registry, outside: Outside) -> None:
    for story in stories(block, 20):
        made = make_story(story, registry)
        for life in range(4):
            try:
                Simulation(
                    made, story * 100 + life, outside, signals=True, crashes=1 + life % 3
                ).run()
            except BaseException as error:
                error.add_note(f"story {story}, life {life}")
                raise


@pytest.mark.parametrize("block", range(BLOCKS))
def test_what_comes_of_a_workflow_does_not_depend_on_crashes_and_order(
    block: int, registry: Registry, outside: Outside
) -> None:
    for story in stories(block, 10):
        made = make_story(story, registry, repeatable=True)
        undisturbed = Simulation(made, story * 100, outside, signals=False)
        undisturbed.run()
        assert undisturbed.outcome()[0] in ("completed", "failed")
        for life in range(1, 5):
            try:
                crashed = Simulation(
                    made, story * 100 + life, outside, signals=False, crashes=life % 3
                )
                crashed.run()
                assert crashed.outcome() == undisturbed.outcome()
            except BaseException as error:
                error.add_note(f"story {story}, life {life}")
                raise
