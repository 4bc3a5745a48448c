"""Scripts of Artillery become scenarios: ``import_artillery`` in ``importing`` is the way in."""
