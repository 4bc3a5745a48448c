"""Run virtual users: their compiled steps, on their connections. No room below waits for a clock or a server."""
