"""The pages of ``loadws docs``: every Markdown file in ``loadws/docs``.

A page is known by its file's name without the ending. A new file is a new page: nothing has to be registered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import msgspec

from loadws.cli.manual.kinds import fill_kinds

#: The order of reading. Pages that are not named here follow, sorted by name.
_ORDER = (
    "start",
    "cookbook",
    "language",
    "protocols",
    "measurement",
    "errors",
    "run-folder",
    "look",
    "compare",
    "ci",
    "outputs",
    "pytest",
    "platforms",
    "glossary",
)
#: Other names of a page.
ALIASES = {
    "numbers": "measurement",
    "reference": "language",
    "folder": "run-folder",
    "recipes": "cookbook",
    "words": "glossary",
    "ab": "compare",
    "baseline": "compare",
    "history": "compare",
    "view": "look",
    "dashboard": "look",
}
_ENDING = ".md"
_TITLE = re.compile(r"^# (.*)$", re.MULTILINE)


class Page(msgspec.Struct, frozen=True):
    """One page: its name on the command line, and its Markdown text."""

    name: str
    text: str

    @property
    def title(self) -> str:
        """Return the page's first heading."""
        found = _TITLE.search(self.text)
        return found[1] if found else self.name

    @property
    def summary(self) -> str:
        """Return the first sentence below the title."""
        paragraph = self.text.partition("\n\n")[2].partition("\n\n")[0]
        return re.split(r"(?<=[.:])\s", " ".join(paragraph.split()), maxsplit=1)[0].rstrip(".:")


def all_pages() -> tuple[Page, ...]:
    """Return every page, in the order of reading."""
    return tuple(sorted(_read(), key=_place))


def page_of(name: str, pages: tuple[Page, ...]) -> Page | None:
    """Return the page with this name, or the page that the name is another name of; None where there is none."""
    wanted = name.lower().removesuffix(_ENDING)
    wanted = ALIASES.get(wanted, wanted)
    return next((page for page in pages if page.name == wanted), None)


def _read() -> Iterator[Page]:
    for file in files("loadws").joinpath("docs").iterdir():
        if file.name.endswith(_ENDING):
            yield Page(file.name.removesuffix(_ENDING), fill_kinds(file.read_text("utf-8")))


def _place(page: Page) -> tuple[int, str]:
    return (_ORDER.index(page.name) if page.name in _ORDER else len(_ORDER), page.name)
