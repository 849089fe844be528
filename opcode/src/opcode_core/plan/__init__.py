"""From a definition to a plan: everything that is wrong with it at once, and, if nothing is, what the engine runs.

One module per family of checks; running a workflow never parses text, that all happens here.
"""
