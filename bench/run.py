"""Run the benchmark: a table for people, a JSON file for machines.

python bench/run.py [--quick] [--only engine|wire|expressions|steps|actions|crowds] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import sys
from pathlib import Path

from action_costs import measure_actions
from crowds import measure_listing, measure_waiting
from engine import commit_figures, measure_engine, measure_floor
from expressions import measure_expressions
from measure import Figure, table
from step_types import measure_step_types
from wire import measure_wire

Sections = dict[str, list[Figure]]


def engine(scale: float) -> Sections:
    normal = asyncio.run(measure_engine("normal", scale))
    full = asyncio.run(measure_engine("full", scale))
    return {
        "In process, synchronous=NORMAL": normal,
        "In process, synchronous=FULL": full,
        "A commit": [*commit_figures(normal, full), *measure_floor(scale)],
    }


def wire(scale: float) -> Sections:
    return {"The server over stdio": measure_wire(scale)}


def expressions(scale: float) -> Sections:
    return asyncio.run(measure_expressions(scale))


def steps(scale: float) -> Sections:
    return {"Step types, in process": asyncio.run(measure_step_types(scale))}


def actions(scale: float) -> Sections:
    return {"Actions, in process": measure_actions(scale)}


def crowds(scale: float) -> Sections:
    return {
        "Workflows that wait, the server over stdio": measure_waiting(scale),
        "Many finished workflows: query": asyncio.run(measure_listing(scale)),
    }


PARTS = {
    "engine": engine,
    "wire": wire,
    "expressions": expressions,
    "steps": steps,
    "actions": actions,
    "crowds": crowds,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure OPCODE.")
    parser.add_argument("--quick", action="store_true", help="a fifth of the runs")
    parser.add_argument("--only", choices=list(PARTS), help="only this part")
    parser.add_argument(
        "--json", type=Path, default=Path(__file__).parent / "results" / "latest.json"
    )
    options = parser.parse_args()
    scale = 0.2 if options.quick else 1.0
    machine = {
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    print("  ".join(f"{name} {value}" for name, value in machine.items()))
    sections: Sections = {}
    for name, measure in PARTS.items():
        if options.only in (None, name):
            sections |= measure(scale)
    for title, figures in sections.items():
        table(title, figures)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "machine": machine,
        "sections": {title: [one.to_json() for one in found] for title, found in sections.items()},
    }
    options.json.write_text(
        json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(f"\n{options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
