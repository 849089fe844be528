"""What happens next: the interpreter, the life of a step, and the runtime that carries it all out.

The interpreter touches no clock, database, process or network: it asks a `Runtime`.
"""
