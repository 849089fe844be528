"""Where the engine listens for the other processes on its machine: relays of MCP clients, and commands."""
