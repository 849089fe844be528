"""The workflows that are measured, and the actions they run: no-ops, so that only the engine is."""

from __future__ import annotations

from typing import Any

from opcode_core import Effect, Params, action
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution, Registry
from opcode_core.settings import Settings


class NoopParams(Params):
    """A number, so that there is something to resolve and to check."""

    n: int = 0


@action("bench.pure", effect=Effect.PURE)
def pure(params: NoopParams) -> dict[str, Any]:
    """Do nothing, in place."""
    return {"n": params.n}


@action("bench.unsafe", effect=Effect.UNSAFE)
def unsafe(params: NoopParams) -> dict[str, Any]:
    """Do nothing that may not be done twice: what led to it is stored first."""
    return {"n": params.n}


class RowsParams(Params):
    """How much to give."""

    size: int


@action("bench.rows", effect=Effect.PURE)
def rows(params: RowsParams) -> dict[str, Any]:
    """Give about so many bytes of JSON."""
    return big_output(params.size)


def big_output(size: int) -> dict[str, Any]:
    """Rows that are about so many bytes of JSON together."""
    count = max(1, size // 92)
    return {
        "rows": [
            {"n": n, "name": f"row {n:06}", "tags": ["a", "b"], "text": "x" * 32}
            for n in range(count)
        ]
    }


def registry() -> Registry:
    """The installed plugins, and the no-ops."""
    made = load_plugins(Settings())
    made.take(Contribution("bench", actions=[pure, unsafe, rows]))
    return made


def parallel(count: int, name: str = "bench.pure") -> dict[str, Any]:
    """Steps side by side."""
    return {"steps": [{"id": f"s{n}", "action": name, "params": {"n": n}} for n in range(count)]}


def sequential(count: int, name: str = "bench.pure") -> dict[str, Any]:
    """Steps one after the other, each reading the one before."""
    steps: list[dict[str, Any]] = []
    for n in range(count):
        step: dict[str, Any] = {"id": f"s{n}", "action": name, "params": {"n": n}}
        if n:
            step |= {
                "depends_on": [f"s{n - 1}"],
                "params": {"n": f"${{{{steps.s{n - 1}.output.n}}}}"},
            }
        steps.append(step)
    return {"steps": steps}
