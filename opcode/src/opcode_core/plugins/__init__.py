"""How plugins come in: hook specifications, discovery, policy, the registry of what they bring.

The core names no plugin; it only reads the `opcode` entry points.
"""
