"""``loadws view``: the archive of runs in a browser, and as static pages."""
