"""`opcode`: the MCP server when nobody sits at it, otherwise a command; nothing heavy before that is known."""

from __future__ import annotations

import sys

from opcode_core import environment


def main() -> None:
    """Run the server or a command, and end the process with its exit code."""
    environment.hide()
    if len(sys.argv) == 1 and not sys.stdin.isatty():
        from opcode_core.relay.start import attend

        outcome = attend()
        if isinstance(outcome, int):
            raise SystemExit(outcome)
        from opcode_core.cli.serve import serve

        raise SystemExit(serve(*outcome))
    from opcode_core.cli.app import opcode

    opcode(prog_name="opcode")


if __name__ == "__main__":
    main()
