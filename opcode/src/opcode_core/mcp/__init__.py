"""The MCP face: five tools over stdio, on the SDK's low-level server.

Nothing outside of this folder imports the SDK, which takes 400 ms to load.
"""
