"""Run the black-box cases that are known to pass: a list that only grows.

conformance.py FOLDER LIST            every case of the list must pass
conformance.py FOLDER LIST --update   run all cases; add those that pass to the list
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run the cases; 0 when every one of the list passed."""
    folder, known = Path(sys.argv[1]), Path(sys.argv[2])
    listed = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    command = [
        sys.executable,
        str(folder / "conform.py"),
        "--command",
        str(Path(sys.executable).parent / "opcode"),
        "-v",
    ]
    update = "--update" in sys.argv
    words = [] if update else [part for title in listed for part in ("-k", title)]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)  # noqa: S603 - our own runner
    passed = [
        line.removeprefix("ok").strip()
        for line in done.stdout.splitlines()
        if line.startswith("ok ")
    ]
    if update:
        known.write_text("\n".join(sorted({*listed, *passed})) + "\n", encoding="utf-8")
        listed = sorted({*listed, *passed})
    failed = [title for title in listed if title not in passed]
    for title in failed:
        print(f"FAIL {title}")
    if failed:
        print(done.stdout[-20000:] + done.stderr[-2000:])
    print(f"{len(listed) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
