"""Find a word in the pages: the section or the row that is about it, and the lines that mention it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from loadws.cli.manual.pages import ALIASES, Page
from loadws.terms.errors import UsageError, did_you_mean

#: Words for sections whose headings are others.
_ALSO = {
    "metrics": "thresholds", "rules": "thresholds", "kinds": "kinds of errors",
    "exit": "exit codes", "codes": "exit codes", "functions": "templates", "matchers": "conditions and captures",
    "where": "conditions and captures", "capture": "conditions and captures", "phases": "load", "reply": "replies",
    "on": "handlers", "scenario": "the whole",
}  # fmt: skip
_HEADING = re.compile(r"^(#+) (.*)$")
_FENCE = "```"
_ROW = re.compile(r"^\| `?([^`|]+?)`? \|")
#: The pages that explain keys, and the one with the kinds of errors, whose headings are keys in part.
_REFERENCE = ("language", "protocols")
_KINDS = "errors"
#: How many lines are listed at most.
_MOST_MENTIONS = 30
_LONGEST_LINE = 100


class Section(msgspec.Struct, frozen=True):
    """A heading, without its marks, and the text from it to the next heading of its level or above."""

    heading: str
    text: str


class Mention(msgspec.Struct, frozen=True):
    """A line that has the word. ``number`` counts the page's lines from 1."""

    page: str
    heading: str
    number: int
    line: str

    def __str__(self) -> str:
        line = self.line.strip()
        shown = line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"
        return f"    {self.page}:{self.number}  {self.heading}\n        {shown}"


class _Line(msgspec.Struct, frozen=True):
    """A line of a page. ``number`` counts from 1; ``level`` is that of a heading, and 0 for any other line."""

    number: int
    text: str
    heading: str
    level: int


def answer(word: str, pages: tuple[Page, ...]) -> str:
    """Return the section or the row of a word, else the lines that mention it.

    Raises:
        UsageError: No page has the word; the advice names similar ones.
    """
    wanted = " ".join(word.lower().split())
    if found := about(wanted, pages):
        return found
    if found_lines := list(mentions(wanted, pages)):
        return listed(wanted, found_lines)
    raise UsageError(f"no page has anything under {word!r}", _advice(wanted, pages))


def about(wanted: str, pages: tuple[Page, ...]) -> str:
    """Return the section that is about the word, and the rows of tables that begin with it; else nothing.

    That is the section with the word as its heading, or else the first that explains it as a key: in backticks, in its first
    paragraph.
    """
    page, section = _section_of(wanted, pages)
    if page in ("", _KINDS):  # a key may have the name of a kind of error, too
        section = "\n".join(filter(None, (_section_that_explains(wanted, pages), section)))
    found = [
        text for page in pages for keys, text in rows(page) if wanted in keys and text.splitlines()[-1] not in section
    ]
    return "\n".join(filter(None, (section, *found)))


def _section_of(wanted: str, pages: tuple[Page, ...]) -> tuple[str, str]:
    """Return the page and the text of the section that has the word as its heading; empty texts for none."""
    for name in filter(None, (wanted, _ALSO.get(wanted))):
        for page in pages:
            for section in sections(page.text):
                if section.heading.lower() == name:
                    return page.name, section.text
    return "", ""


def _section_that_explains(wanted: str, pages: tuple[Page, ...]) -> str:
    """Return the text of the first section, up to the next heading, that has the word as a key in its first paragraph."""
    key = re.compile(rf"`{re.escape(wanted)}[`:]")
    for page in pages:
        for section in sections(page.text) if page.name in _REFERENCE else ():
            own = _own_text(section)
            if not own.startswith("# ") and key.search(_first_paragraph(own).lower()):
                return own
    return ""


def _own_text(section: Section) -> str:
    """Return a section without those inside of it."""
    lines = section.text.splitlines()
    inside = (line.number for line in _lines(section.text) if line.level and line.number > 1)
    return "\n".join(lines[: next(inside, len(lines) + 1) - 1]).rstrip() + "\n"


def _first_paragraph(text: str) -> str:
    """Return the first paragraph below a heading; nothing where a table or an example stands there."""
    paragraph = text.partition("\n\n")[2].partition("\n\n")[0]
    return "" if paragraph.startswith(("|", "<!--", _FENCE)) else paragraph


def mentions(wanted: str, pages: tuple[Page, ...]) -> Iterator[Mention]:
    """Yield every line that has the word as a whole word, in the order of the pages."""
    pattern = re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)")
    for page in pages:
        for line in _lines(page.text):
            if not line.text.startswith("<!--") and pattern.search(line.text.lower()):
                yield Mention(page.name, line.heading, line.number, line.text)


def listed(wanted: str, found: list[Mention]) -> str:
    """Return mentions as text: page and line, heading, and the line itself."""
    shown = [str(mention) for mention in found[:_MOST_MENTIONS]]
    if len(found) > _MOST_MENTIONS:
        shown.append(f"    … and {len(found) - _MOST_MENTIONS} more lines")
    return f"{wanted!r} is mentioned here:\n\n" + "\n".join(shown) + "\n"


def sections(text: str) -> Iterator[Section]:
    """Yield each heading with its text, in the order of the page."""
    lines = text.splitlines()
    headings = [(line.number, line.level, line.heading) for line in _lines(text) if line.level]
    for index, (number, level, heading) in enumerate(headings):
        after = (later for later, its_level, _ in headings[index + 1 :] if its_level <= level)
        body = lines[number - 1 : next(after, len(lines) + 1) - 1]
        yield Section(heading, "\n".join(body).rstrip() + "\n")


def rows(page: Page) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the words of the first cell of each row of each table, in lower case, and the row as a table of its own."""
    lines = page.text.splitlines()
    for line in _lines(page.text):
        match = _ROW.match(line.text)
        top = _table_top(lines, line.number - 1)
        if match and top is not None:
            table = "\n".join((lines[top - 1], lines[top], line.text))
            yield tuple(match[1].lower().split(", ")), f"In {page.name}, {line.heading}:\n\n{table}\n"


def _table_top(lines: list[str], index: int) -> int | None:
    """Return the index of the ruler of the table that contains a row; None for its heading and outside of tables."""
    while index > 0 and lines[index].startswith("|"):
        if lines[index].startswith("| ---"):
            return index
        index -= 1
    return None


def _lines(text: str) -> Iterator[_Line]:
    heading, in_code = "", False
    for number, line in enumerate(text.splitlines(), 1):
        in_code ^= line.lstrip().startswith(_FENCE)
        match = None if in_code else _HEADING.match(line)
        heading = match[2] if match else heading
        yield _Line(number, line, heading, len(match[1]) if match else 0)


def _advice(wanted: str, pages: tuple[Page, ...]) -> str:
    names = [page.name for page in pages]
    known = [*names, *ALIASES, *_ALSO]
    known += [section.heading.lower() for page in pages for section in sections(page.text)]
    known += [key for page in pages for keys, _ in rows(page) for key in keys]
    pages_are = f"pages are {', '.join(names)}; any verb, key, metric and kind of error is found too"
    return did_you_mean(wanted, known, 3) or pages_are
