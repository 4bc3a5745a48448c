"""Pictures of pages: light and dark, on a desk and on a telephone, printed, and where a server blocks styles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.report.browser import Browser, Page
from tests.report.strict_server import strict_server

_DESK, _TELEPHONE = 1440, 390


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at a page."""

    name: str
    width: int = _DESK
    dark: bool = False
    scripts: bool = True
    is_blocked: bool = False


LOOKS = (
    Look("light"),
    Look("dark", dark=True),
    Look("telephone", _TELEPHONE),
    Look("telephone-dark", _TELEPHONE, dark=True),
    Look("blocked", scripts=False, is_blocked=True),
)


def take(browser: Browser, page: Path, to: Path) -> Iterator[Path]:
    """Write each look at a page, its first screen and the whole of it, and the page as it is printed; yield the files."""
    for look in LOOKS:
        with ExitStack() as stack:
            address = page.as_uri()
            if look.is_blocked:
                address = f"{stack.enter_context(strict_server(page.parent))}/{page.name}"
            shown = stack.enter_context(browser.page(address, scripts=look.scripts, dark=look.dark, width=look.width))
            first, whole = to / f"{look.name}-first.png", to / f"{look.name}.png"
            shown.screenshot(first)
            if look.scripts:
                _unfold(shown)
            shown.screenshot(whole, whole=True)
            yield from (first, whole)
    with browser.page(page.as_uri()) as shown:
        shown.print(to / "print.pdf")
    yield to / "print.pdf"


def _unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('main > section > details').forEach((each) => { each.open = true; })")
