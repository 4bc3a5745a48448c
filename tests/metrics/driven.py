"""Work that is done in slices, driven to its end."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")


def driven(work: Generator[None, None, Result]) -> tuple[Result, int]:
    """What it returns, and in how many slices it was done."""
    slices = 0
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: Result = done.value
            return result, slices
        slices += 1
