"""Where events, templates and the views on them are kept.

`protocol.py` says what the engine and the service need of a store; `sqlite/` is the one we ship.
"""
