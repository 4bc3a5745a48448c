"""What each address of ``loadws view`` shows. Every answer is made in a thread and costs a bounded amount of work."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import trio

from loadws.cli.viewing.whole_runs import comparison_page, history_page
from loadws.report.archive.archive import Archive, Look
from loadws.report.archive.entry import Entry
from loadws.report.archive.listing import Filter
from loadws.report.archive.page import Site, css, javascript, list_page, message_page
from loadws.report.html import page as report_page
from loadws.terms.errors import LoadwsError
from loadws.web.dialogue import Answer, Asked, moved_to
from loadws.web.files_below import file_answer, file_below

#: How often the folder is looked at while a browser shows the list, in seconds.
LOOK_EVERY_S = 2.0
_MOST_RENDERING = 2


class RunSite:
    """The pages about the runs below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._archive = Archive(root)
        self._site = Site(str(root), is_served=True)
        self._histories: tuple[int, bytes] | None = None  # the page, and the state of the folder that it shows
        self._looking = trio.Lock()
        self._rendering = trio.CapacityLimiter(_MOST_RENDERING)
        self._pages: dict[str, Callable[[Asked, Look], Answer]] = {
            "/": self._list,
            "/newest": self._newest,
            "/history.html": self._history,
            "/compare": self._compare,
        }

    async def answer(self, asked: Asked) -> Answer:
        """Return what is shown at an address."""
        match asked.path:
            case "/archive.css":
                return Answer(css().encode(), "text/css; charset=utf-8")
            case "/archive.js":
                return Answer(javascript().encode(), "text/javascript; charset=utf-8")
            case "/report.css":
                return Answer(report_page.css().encode(), "text/css; charset=utf-8")
            case "/report.js":
                return Answer(report_page.javascript().encode(), "text/javascript; charset=utf-8")
            case "/favicon.ico":
                return Answer(status=204)
            case "/events":
                return Answer(self._news, "text/event-stream")
        if asked.path.startswith("/runs/"):
            return await trio.to_thread.run_sync(self._file, asked.path.removeprefix("/runs/"))
        page = self._pages.get(asked.path)
        if page is None:
            return Answer(message_page("There is no such page", ["Nothing is at this address."]), status=404)
        async with self._looking:  # one look at a time: it changes what is kept of the runs
            look = await trio.to_thread.run_sync(self._archive.look)
        return await trio.to_thread.run_sync(_told, page, asked, look, limiter=self._rendering)

    def _list(self, asked: Asked, look: Look) -> Answer:
        number = asked.value("page")
        page = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 1
        wanted = Filter(asked.value("scenario"), asked.value("verdict"), asked.value("words")[:200], page)
        return Answer(list_page(look, self._site, wanted))

    def _newest(self, _: Asked, look: Look) -> Answer:
        newest = next((entry for entry in look.entries if entry.has_report), None)
        return moved_to("/" if newest is None else f"/{self._site.report(newest)}")

    def _history(self, _: Asked, look: Look) -> Answer:
        if self._histories is None or self._histories[0] != look.state:
            self._histories = (look.state, history_page(self._root, look.entries))
        return Answer(self._histories[1])

    def _compare(self, asked: Asked, look: Look) -> Answer:
        names = set(asked.values("run"))
        ticked: list[Entry] = [entry for entry in look.entries if entry.where in names and not entry.problem]
        return Answer(comparison_page(self._root, ticked))

    def _file(self, path: str) -> Answer:
        file = file_below(self._root, path)
        if file is None:
            return Answer(message_page("There is no such file", ["No run has this file."]), status=404)
        return file_answer(file)

    async def _news(self) -> AsyncGenerator[bytes, None]:
        """Tell the state of the folder at once, and each time that it changes."""
        told = None
        while True:
            state = await trio.to_thread.run_sync(self._archive.state)
            yield f"event: state\ndata: {state}\n\n".encode() if state != told else b": still here\n\n"
            told = state
            await trio.sleep(LOOK_EVERY_S)


def _told(page: Callable[[Asked, Look], Answer], asked: Asked, look: Look) -> Answer:
    """Return a page, or the page that says why there is none."""
    try:
        return page(asked, look)
    except LoadwsError as error:
        sentences = [f"{each[:1].upper()}{each[1:]}." for each in (str(error), error.advice) if each]
        return Answer(message_page("This cannot be shown", sentences), status=400)
