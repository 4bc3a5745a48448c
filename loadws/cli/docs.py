"""``loadws docs``: a page of the reference; set for people on a terminal, as it is for anything else."""

from __future__ import annotations

from importlib.resources import files

from rich.console import Console
from rich.markdown import Markdown

from loadws.cli.options import Page


def docs_command(page: Page) -> None:
    text = files("loadws").joinpath("docs", f"{page}.md").read_text("utf-8")
    screen = Console()
    if screen.is_terminal:
        shown = (line for line in text.splitlines(keepends=True) if not line.startswith("<!--"))
        screen.print(Markdown("".join(shown)))
    else:
        print(text, end="")
