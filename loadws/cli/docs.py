"""``loadws docs``: show a page, or what the pages say about one word; formatted on a terminal, plain elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.markdown import Markdown

from loadws.cli.manual.find import answer
from loadws.cli.manual.pages import Page, all_pages, page_of
from loadws.cli.manual.snippets import PAGE as SNIPPETS
from loadws.cli.manual.snippets import snippet
from loadws.report.terminal.own_console import OwnConsole


def docs_command(words: Sequence[str]) -> None:
    """Show the list of pages, one page, a file for a CI service, or what the pages say about a word.

    Raises:
        UsageError: No page has the word, or no such file is there.
    """
    if len(words) == 2 and words[0].lower() == SNIPPETS:
        print(snippet(words[1]), end="")  # as it is, for a file
        return
    pages = all_pages()
    if not words:
        _show(contents(pages))
        return
    word = " ".join(words)
    page = page_of(word, pages)
    _show(page.text if page else answer(word, pages))


def contents(pages: tuple[Page, ...]) -> str:
    """Return the list of pages, as Markdown: name, title and first sentence of each."""
    width = max(len(page.name) for page in pages)
    lines = [f"    {page.name:<{width}}  {page.title}" for page in pages]
    return "\n".join(
        (
            "The pages of `loadws docs`:", "", *lines, "",
            "`loadws docs PAGE` shows one of them. `loadws docs WORD` shows what they say of a verb, a key, a metric, a",
            "kind of error or a heading; for any other word it lists page, line and heading of each place that has it.",
            "`loadws docs ci github` prints a file for a CI service; `loadws docs ci` names them.", "",
        )
    )  # fmt: skip


def _show(text: str) -> None:
    screen = OwnConsole()
    if not screen.is_terminal:
        print(text, end="")
        return
    shown = Markdown("".join(line for line in text.splitlines(keepends=True) if not line.startswith("<!--")))
    if len(text.splitlines()) < screen.height:
        screen.print(shown)
        return
    os.environ.setdefault("LESS", "-FRX")  # a pager shows colours, and leaves the page where it was
    with screen.pager(styles=os.environ["LESS"].find("R") >= 0):
        screen.print(shown)
