"""axe-core finds nothing serious on the page, light and dark, wide and narrow. npm fetches it where it can."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report import example
from tests.report.browser import CHROMIUM, browser
from tests.report.drawn import page as page_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")


@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_nothing_serious_stands_in_the_way(axe: str, tmp_path: Path, width: int, dark: bool) -> None:
    site = tmp_path / "report.html"
    site.write_bytes(page_of(example.report()))
    with browser(tmp_path / "profile") as opened, opened.page(site.as_uri(), width=width, dark=dark) as page:
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        page.call("Runtime.evaluate", expression=axe)
        found = page.evaluate("axe.run().then((run) => run.violations.map((v) => [v.impact, v.id, v.nodes[0].html]))")
    assert [each for each in found if each[0] in ("serious", "critical")] == []
