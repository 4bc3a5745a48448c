"""HAR files, the recordings of browsers and proxies, become scenarios: ``import_har`` in ``importing`` is the way in."""
