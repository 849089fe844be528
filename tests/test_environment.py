"""The variables of OPCODE are in no block of memory that other processes can read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHECK = """
import os, subprocess, sys
from opcode_core import environment
environment.hide()
environment.hide()
print(environment.secret("OPCODE_VAULT_KEY"), environment.secret("OPCODE_OTHER"))
print(os.environ.get("OPCODE_DB_PATH"), os.environ.get("OPCODE_VAULT_KEY"), os.environ["NEIGHBOUR"], os.environ["LAST"])
sys.stdout.flush()
subprocess.run(["cat", f"/proc/{os.getpid()}/environ"], env={})
print(flush=True)
subprocess.run(["env"])
"""
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "MY_OPCODE_X": "stays",
    "OPCODE_VAULT_KEY": "correct horse=battery",
    "NEIGHBOUR": "stays too",
    "OPCODE_DB_PATH": "/somewhere/o.db",
    "LAST": "a=b",
}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the block")
def test_they_are_moved_and_their_places_are_cleared() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    secret, kept, block, inherited = done.stdout.split("\n", 3)
    assert secret == "correct horse=battery None"
    assert kept == "/somewhere/o.db None stays too a=b"
    entries = block.split("\0")
    assert {"MY_OPCODE_X=stays", "NEIGHBOUR=stays too", "LAST=a=b"} <= set(entries)
    assert not any(entry.startswith("OPCODE_") for entry in entries)
    assert "horse" not in block
    assert "somewhere" not in block
    assert "OPCODE_DB_PATH=/somewhere/o.db" in inherited
    assert "VAULT" not in inherited


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the block")
def test_a_server_hides_them_before_it_serves(tmp_path: Path) -> None:
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "OPCODE_DB_PATH": str(tmp_path / "o.db"),
        "OPCODE_VAULT_KEY": "correct horse battery",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "opcode_core"],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as server:
        deadline = time.monotonic() + 20
        while not (tmp_path / "o.db").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        block = Path(f"/proc/{server.pid}/environ").read_bytes()
        server.communicate(timeout=20)
    assert b"PATH=" in block
    assert b"OPCODE_" not in block
    assert b"horse" not in block
