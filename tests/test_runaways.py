"""Programs that would never end are refused within seconds, and everybody else is answered meanwhile."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opcode_core.model.requests import DefineRequest, QueryRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.service import Service
from opcode_core.settings import Settings

pytestmark = pytest.mark.anyio
REFUSED_SECONDS = 3.0
ANSWER_SECONDS = 0.2

NUMBERS = list(range(10_000))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _heap_of_a_server() -> Iterator[None]:
    """What the tests before have left is not the server's: its collector need not go through it again and again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def guard(condition: Any) -> list[dict[str, Any]]:
    """A step with a condition."""
    return [{"id": "a", "action": "crypto.uuid", "condition": condition}]


def evaluated(expression: str) -> list[dict[str, Any]]:
    """A step that evaluates an expression."""
    return [{"id": "a", "action": "expr.eval", "params": {"expression": expression}}]


RUNAWAYS = {
    "cel, a macro in a macro": guard("inputs.l.all(a, inputs.l.all(b, a + b >= 0))"),
    "cel, a growing text": guard(
        "inputs.l.map(a, inputs.t + inputs.t + inputs.t).map(b, b + b + b).size() == 1"
    ),
    "cel, a list of lists": guard("inputs.l.map(a, inputs.l.map(b, [a, b])).size() == 1"),
    "jq, a function that calls itself": guard({"jq": "def f: f; f"}),
    "jq, a range": guard({"jq": "last(range(1000000000000))"}),
    "jq, more than there is memory": guard({"jq": "[range(1000000000)]"}),
    "jq, a text that doubles": guard({"jq": '"ab" | until(length > 100000000000; . + .)'}),
    "expr, a predicate in a predicate": evaluated("count(inputs.l, all(inputs.l, # >= 0))"),
    "expr, a range": evaluated("len(1..1000000000)"),
    "expr, a range in a range": evaluated("count(1..9000, all(1..9000, # > 0))"),
    "expr, a repeated text": evaluated('repeat(repeat("abcdefghij", 100000), 100000)'),
    "a reference that is an expression": [
        {
            "id": "a",
            "action": "crypto.hash",
            "params": {"data": "${{ inputs.l.map(a, inputs.l.filter(b, b > a)).size() }}"},
        }
    ],
}


async def answered(service: Service) -> float:
    """How long another client waits for an answer to a small run and a query."""
    began = time.perf_counter()
    answer = await service.run(RunRequest("quick", "other", params={"n": 2}))
    assert answer["output"] == {"result": 3}
    await service.query(QueryRequest("workflows", {"limit": 1}))
    return time.perf_counter() - began


@pytest.mark.promise("expr.runaways")
@pytest.mark.parametrize("name", RUNAWAYS)
async def test_a_runaway_is_refused_while_others_are_answered(name: str, tmp_path: Path) -> None:
    settings = Settings(db_path=tmp_path / "x.db", durability="normal")
    async with open_service(settings) as service:
        quick = {"steps": evaluated("inputs.n + 1")}
        await service.define(DefineRequest("quick", quick, "me"))
        await service.define(DefineRequest("runaway", {"steps": RUNAWAYS[name]}, "me"))
        await answered(service)
        params = {"l": NUMBERS, "t": "x" * 1_000_000}
        burning = asyncio.create_task(service.run(RunRequest("runaway", "me", params=params)))
        began = time.perf_counter()
        waits: list[float] = []
        while not burning.done():
            waits.append(await answered(service))
            await asyncio.wait((burning,), timeout=0.05)
        took = time.perf_counter() - began
        answer = burning.result()
        assert answer["status"] == "failed"
        assert answer["error"]["code"] in ("EXECUTION_ERROR", "LIMIT_EXCEEDED")
        assert took < REFUSED_SECONDS
        assert statistics.median(waits) < ANSWER_SECONDS
        assert max(waits) < 5 * ANSWER_SECONDS
        await answered(service)
