"""loadws: WebSocket load testing that can be trusted.

The command line is the interface (``loadws --help``); ``ARCHITECTURE.md`` beside this file is the map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadws.engine.steps.python_api import Answer, HttpReply, StepFailed, User

__version__ = "0.1.0"
__all__ = ["Answer", "HttpReply", "StepFailed", "User", "__version__"]


def __getattr__(name: str) -> Any:
    """Return what the functions of a scenario need, imported when they do: the command line starts without it.

    Raises:
        AttributeError: There is no such name.
    """
    if name in __all__:
        from loadws.engine.steps import python_api as python_user

        return getattr(python_user, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
