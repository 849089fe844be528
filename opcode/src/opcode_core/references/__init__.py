"""References: `${{ … }}` in a definition, parsed once into a tree, resolved on the tree when a step runs.

A value that a reference brings in is never read as text again, whatever it holds.
"""
