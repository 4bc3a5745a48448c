"""``report.html``: the page, and the small drawings in its text."""
