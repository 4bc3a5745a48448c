"""Where a dashboard is served: all that the command line needs."""

from __future__ import annotations

from typing import NamedTuple


class At(NamedTuple):
    """The address of a dashboard; port 0 takes a free one."""

    host: str
    port: int

    def address(self, port: int) -> str:
        """Return the address to open in a browser."""
        return f"http://[{self.host}]:{port}/" if ":" in self.host else f"http://{self.host}:{port}/"
