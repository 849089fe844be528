"""Run the benchmark: a table for people, a JSON file for machines.

python bench/run.py [--quick] [--only engine|wire] [--json FILE]
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

from engine import commit_figures, measure_engine, measure_floor
from measure import Figure, table
from wire import measure_wire


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure OPCODE.")
    parser.add_argument("--quick", action="store_true", help="a fifth of the runs")
    parser.add_argument("--only", choices=["engine", "wire"], help="only this part")
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
    sections: dict[str, list[Figure]] = {}
    if options.only != "wire":
        normal = asyncio.run(measure_engine("normal", scale))
        full = asyncio.run(measure_engine("full", scale))
        sections["In process, synchronous=NORMAL"] = normal
        sections["In process, synchronous=FULL"] = full
        sections["A commit"] = [*commit_figures(normal, full), *measure_floor(scale)]
    if options.only != "engine":
        sections["The server over stdio"] = measure_wire(scale)
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
