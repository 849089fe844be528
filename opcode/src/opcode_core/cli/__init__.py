"""The command line: one module a command; people read tables, machines `--json`.

Exit codes: 0 done, 1 the workflow failed or what was asked for could not be done, 2 bad usage or definition.
"""
