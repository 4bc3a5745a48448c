"""The colours of the page and its charts, light and dark. People who do not see red and green can distinguish them,
too.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT = {
    "ink": "#1b2433",
    "muted": "#566174",
    "grid": "#e3e7ee",
    "shade": "#eef1f6",
    "track": "#dfe4ec",
    "p50": "#0b8574",
    "p90": "#2a72d8",
    "p99": "#7a3dd0",
    "max": "#8a93a3",
    "sent": "#2a72d8",
    "received": "#0b8574",
    "users": "#b56a00",
    "errors": "#cc2f3c",
    "lost": "#b56a00",
    "kind1": "#cc2f3c",
    "kind2": "#e08a1e",
    "kind3": "#7a3dd0",
    "kind4": "#2a72d8",
    "kind5": "#0b8574",
    "kind6": "#8a93a3",
    "heat1": "#dbe9fb",
    "heat2": "#b7d2f5",
    "heat3": "#8db5ec",
    "heat4": "#6093dd",
    "heat5": "#3d6fc6",
    "heat6": "#2b4fa3",
    "heat7": "#1d3479",
    "good": "#0b7a53",
    "warn": "#8a5a00",
    "bad": "#b3202e",
    "page": "#f5f7fa",
    "card": "#ffffff",
    "line": "#dfe4ec",
    "link": "#1d5fc4",
}
DARK = {
    "ink": "#e8ecf3",
    "muted": "#a0abbd",
    "grid": "#2a3342",
    "shade": "#1e2735",
    "track": "#313c4e",
    "p50": "#3cc9b1",
    "p90": "#6aa6ff",
    "p99": "#b78bff",
    "max": "#8390a6",
    "sent": "#6aa6ff",
    "received": "#3cc9b1",
    "users": "#f0ae4a",
    "errors": "#ff7a80",
    "lost": "#f0ae4a",
    "kind1": "#ff7a80",
    "kind2": "#f0ae4a",
    "kind3": "#b78bff",
    "kind4": "#6aa6ff",
    "kind5": "#3cc9b1",
    "kind6": "#8390a6",
    "heat1": "#1d2c47",
    "heat2": "#254069",
    "heat3": "#2f578f",
    "heat4": "#4273b8",
    "heat5": "#6496d8",
    "heat6": "#97bcee",
    "heat7": "#d6e6fc",
    "good": "#4fd6a0",
    "warn": "#f0b34d",
    "bad": "#ff8087",
    "page": "#0e131b",
    "card": "#161d28",
    "line": "#2a3342",
    "link": "#8ab8ff",
}
HEAT_LEVELS = 7
KINDS = tuple(f"kind{number}" for number in range(1, 7))


def variables(palette: Mapping[str, str]) -> str:
    """Return the declarations of a palette's colours, for a style sheet."""
    return "".join(f"--{name}:{colour};" for name, colour in palette.items())


def paint(name: str) -> str:
    """Return a colour for a presentation attribute. Raises ``KeyError`` for a name that the palettes do not have."""
    return f"var(--{name}, {LIGHT[name]})"
