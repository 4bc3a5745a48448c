"""``loadws docs``: the reference, or what it says of one word; set for people on a terminal, as it is for anything else."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from importlib.resources import files

from rich.console import Console
from rich.markdown import Markdown

from loadws.terms.errors import UsageError

PAGE = "language"
#: Words for sections whose headings are others, or for a table among them.
_ALSO = {
    "metrics": "thresholds", "rules": "thresholds", "kinds": "kinds of errors", "errors": "kinds of errors",
    "exit": "exit codes", "codes": "exit codes", "functions": "templates", "matchers": "conditions and captures",
    "where": "conditions and captures", "capture": "conditions and captures", "phases": "load", "reply": "replies",
    "probes": "probes", "on": "handlers", "scenario": "the whole",
}  # fmt: skip
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
_ROW = re.compile(r"^\| `([^`]+)` \|")


def docs_command(word: str) -> None:
    """Show the page, or the part of it that a word names. Raises ``UsageError`` for a word that it does not have."""
    page = files("loadws").joinpath("docs", f"{PAGE}.md").read_text("utf-8")
    _show(page if word == PAGE else about(word, page))


def about(word: str, page: str) -> str:
    """Return the section of a word, else what tables say of it, else where it is mentioned. Raises ``UsageError``."""
    sections = dict(_sections(page))
    wanted = word.lower()
    for name in (wanted, _ALSO.get(wanted, "")):
        if name in sections:
            return sections[name]
    rows = list(_rows(page))
    if found := [text for key, text in rows if key == wanted]:
        return "\n".join(found)
    if said := [text for text in sections.values() if re.search(rf"\b{re.escape(wanted)}\b", text.lower())]:
        return min(said, key=len)  # the smallest section that mentions it
    known = [*sections, *_ALSO, *(key for key, _ in rows)]
    near = difflib.get_close_matches(wanted, known, 1)
    advice = (
        f"did you mean {near[0]!r}?" if near else f"words are {', '.join(sections)}, and every key, metric and kind"
    )
    raise UsageError(f"the reference has nothing under {word!r}", advice)


def _sections(page: str) -> Iterator[tuple[str, str]]:
    """Yield heading, in lower case, and what stands below it, up to the next heading of its level or above."""
    headings = list(_HEADING.finditer(page))
    for index, heading in enumerate(headings):
        after = (each.start() for each in headings[index + 1 :] if len(each[1]) <= len(heading[1]))
        yield heading[2].lower(), page[heading.start() : next(after, len(page))].rstrip() + "\n"


def _rows(page: str) -> Iterator[tuple[str, str]]:
    """Yield the first cell of each row of each table, and the row as a table of its own below its heading."""
    heading, lines = "", page.splitlines()
    for number, line in enumerate(lines):
        if match := _HEADING.match(line):
            heading = match[2]
        if match := _ROW.match(line):
            top = next(index for index in range(number, 0, -1) if lines[index].startswith("| ---"))
            table = "\n".join((lines[top - 1], lines[top], line))
            yield match[1].lower(), f"In {heading}:\n\n{table}\n"


def _show(text: str) -> None:
    screen = Console()
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
