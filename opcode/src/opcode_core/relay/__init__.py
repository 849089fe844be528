"""Finding the engine of a database, and handing a client's messages on to it while another process is that engine.

A process that only relays is to start in an instant and take next to no memory: nothing in here imports anything but
a few small modules of the standard library. `docs/explanation/processes.md` tells how engine and relays go together.
"""
