"""When something is due: cron expressions, time zones, and the moments they name.

It knows nothing of workflows; what is to happen at such a moment is decided elsewhere.
"""
