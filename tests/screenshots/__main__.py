"""``python -m tests.screenshots DIR``: real short runs, and pictures of every page about them, in ``DIR``.

A stall, a failed gate, a storm of reconnects, a fan-out, three seconds of a newcomer, a comparison, a history, the list
of runs. Needs Chromium, and some minutes. ``--redraw`` keeps the runs that are in ``DIR`` already, and makes their pages
anew, for a change of a page. ``--only NAME`` takes the pictures of some pages. The picture in the README is
``gate/light-first.png``, kept as ``report.png`` beside this file.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.report.browser import CHROMIUM, browser
from tests.screenshots.pictures import take
from tests.screenshots.runs import RUNS, draw_again, make_overviews, make_runs, run_of


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description="Look at every page.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="where runs and pictures go")
    parser.add_argument("--redraw", action="store_true", help="keep the runs that are there, and make their pages anew")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="take the pictures of these pages only")
    asked = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("there is no Chromium, which takes the pictures")
    folder: Path = asked.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if asked.redraw:
        draw_again(folder)
    else:
        make_runs(folder)
    make_overviews(folder)
    pages = _pages(folder)
    if unknown := set(asked.only or ()) - set(pages):
        sys.exit(f"there is no page {min(unknown)!r}; pages are: {', '.join(pages)}")
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as opened:
        for name in asked.only or pages:
            to = folder / "pictures" / name
            to.mkdir(parents=True, exist_ok=True)
            for file in take(opened, pages[name], to):
                print(file)


def _pages(folder: Path) -> dict[str, Path]:
    return {
        **{name: run_of(folder, name) / "report.html" for name in RUNS},
        "ab": next((folder / "ab").glob("*/*/comparison.html")),
        "compare": folder / "compare.html",
        "history": folder / "history.html",
        "list": folder / "site" / "index.html",
    }


if __name__ == "__main__":
    main()
