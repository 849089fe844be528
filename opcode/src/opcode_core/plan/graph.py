"""The graph of `depends_on`: what is wrong with it, its levels, and what is certain to be settled before what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Edges = Mapping[str, Sequence[str]]
"""Step → the steps it depends on; all of them exist."""


def find_cycles(edges: Edges) -> list[list[str]]:
    """Find cycles, one for each knot of steps that depend on each other.

    Returns:
        Each as the ids along it, the first one again at the end: `["a", "b", "a"]`, where a depends on b.
    """
    cycles: list[list[str]] = []
    done: set[str] = set()
    for root in edges:
        if root in done:
            continue
        path: list[str] = []
        on_path: dict[str, int] = {}
        stack: list[tuple[str, int]] = [(root, 0)]
        while stack:
            node, position = stack.pop()
            if position == 0:
                on_path[node] = len(path)
                path.append(node)
            targets = edges[node]
            if position < len(targets):
                stack.append((node, position + 1))
                target = targets[position]
                if target in on_path:
                    cycles.append([*path[on_path[target] :], target])
                elif target not in done:
                    stack.append((target, 0))
            else:
                done.add(node)
                del on_path[path.pop()]
    return _one_per_knot(cycles)


def _one_per_knot(cycles: list[list[str]]) -> list[list[str]]:
    kept: list[list[str]] = []
    seen: set[str] = set()
    for cycle in cycles:
        if not seen & set(cycle):
            kept.append(cycle)
            seen.update(cycle)
    return kept


def levels_of(edges: Edges) -> list[list[str]]:
    """Sort steps into levels: 1 + the highest level of what they depend on, each level in the order of the definition.

    Args:
        edges: A graph without cycles.
    """
    level: dict[str, int] = {}
    for root in edges:
        stack = [root]
        while stack:
            node = stack[-1]
            if node in level:
                stack.pop()
                continue
            waiting = [target for target in edges[node] if target not in level]
            if waiting:
                stack.extend(waiting)
            else:
                stack.pop()
                level[node] = 1 + max((level[target] for target in edges[node]), default=0)
    levels: list[list[str]] = [[] for _ in range(max(level.values(), default=0))]
    for node in edges:
        levels[level[node] - 1].append(node)
    return levels


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Who comes certainly before whom, as sets of bits: 10000 steps in a row are a million bytes."""

    position: Mapping[str, int]
    before: Mapping[str, int]

    def certain(self, earlier: str, later: str) -> bool:
        """Whether `earlier` is certain to be settled before `later` begins."""
        return bool(self.before[later] >> self.position[earlier] & 1)


def ancestry_of(edges: Edges, levels: Sequence[Sequence[str]]) -> Ancestry:
    """Compute the ancestry of a graph without cycles.

    Args:
        edges: The graph.
        levels: Its levels, as `levels_of` gives them.
    """
    position = {node: index for index, node in enumerate(edges)}
    before: dict[str, int] = {}
    for level in levels:
        for node in level:
            mask = 0
            for target in edges[node]:
                mask |= before[target] | 1 << position[target]
            before[node] = mask
    return Ancestry(position, before)
