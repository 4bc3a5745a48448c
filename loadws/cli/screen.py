"""What is printed while a load goes on. Its reader may go away (``loadws run … | head``): the run does not end for that."""

from __future__ import annotations

import os

from rich.console import Console


class Screen(Console):
    """rich's own would end the process where nobody reads any more, and the run's data with it."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        hush()


def say(line: str) -> None:
    try:
        print(line)
    except BrokenPipeError:
        hush()


def hush() -> None:
    """What is written to stdout from now on goes nowhere, or the interpreter complains when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
