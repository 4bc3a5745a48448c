"""Run background tasks for the lifetime of a resource, without the exception group of their nursery.

A nursery wraps every error in a group. A caller that opens timers or a connector did not ask for a nursery: it gets the
error of its own code, or the one defect of a background task, unwrapped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def background() -> AsyncIterator[trio.Nursery]:
    """Open a nursery whose tasks are cancelled when the body ends."""
    error: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield nursery
            finally:
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        error = _only(group)
    if error is not None:  # raised out here, so that the group does not become its context
        raise error


def _only(error: BaseException) -> BaseException:
    """Return the one error of a group (of groups), else the group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
