"""Levels, ancestors and cycles of any graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from hypothesis import given, strategies as st
from opcode_core.plan.compile import diagnose
from opcode_core.plan.graph import ancestry_of, find_cycles, levels_of
from opcode_core.plugins.discovery import load_plugins
from opcode_core.settings import Settings

REGISTRY = load_plugins(Settings(plugins_allow=("steps", "crypto")))

Graph = Mapping[str, Sequence[str]]


@st.composite
def dags(draw: st.DrawFn) -> Graph:
    """A graph without cycles, its steps in any order."""
    size = draw(st.integers(1, 20))
    edges = {
        f"s{index}": draw(
            st.lists(st.sampled_from([f"s{j}" for j in range(index)]), unique=True, max_size=5)
        )
        if index
        else []
        for index in range(size)
    }
    order = draw(st.permutations(sorted(edges)))
    return {name: edges[name] for name in order}


def reachable(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    stack = list(graph[start])
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(graph[node])
    return seen


@given(dags())
def test_a_level_is_one_more_than_the_highest_of_its_dependencies(graph: Graph) -> None:
    steps = [
        {"id": name, "action": "crypto.uuid", "depends_on": targets}
        for name, targets in graph.items()
    ]
    plan = diagnose({"steps": steps}, REGISTRY).plan
    assert plan is not None
    found_levels = [[step.id for step in names] for names in plan.steps.levels]
    level = {name: n for n, names in enumerate(found_levels, 1) for name in names}
    assert level.keys() == graph.keys()
    for name, targets in graph.items():
        assert level[name] == 1 + max((level[target] for target in targets), default=0)
    order = {name: n for n, name in enumerate(graph)}
    for names in found_levels:
        assert names == sorted(names, key=order.__getitem__)


@given(dags())
def test_ancestors_are_the_steps_that_can_be_reached(graph: Graph) -> None:
    ancestry = ancestry_of(graph, levels_of(graph))
    for later in graph:
        before = {earlier for earlier in graph if ancestry.certain(earlier, later)}
        assert before == reachable(graph, later)


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), unique=True), min_size=8
    )
)
def test_cycles_are_found_where_there_are_some_and_each_is_one(graph: Graph) -> None:
    cycles = find_cycles(graph)
    circular = {node for node in graph if node in reachable(graph, node)}
    assert bool(cycles) == bool(circular)
    for cycle in cycles:
        assert cycle[0] == cycle[-1]
        assert all(later in graph[earlier] for earlier, later in pairwise(cycle))
        assert len(set(cycle)) == len(cycle) - 1
    flat = [node for cycle in cycles for node in cycle[1:]]
    assert len(flat) == len(set(flat))
