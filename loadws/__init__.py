"""loadws: WebSocket load testing that can be trusted.

The command line is the interface (``loadws --help``); ``ARCHITECTURE.md`` beside this file is the map.
"""

__version__ = "0.1.0"
