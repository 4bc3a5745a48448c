"""For all tests."""

from __future__ import annotations

import gc

import hypothesis  # noqa: F401 - it asks who refers to what it is given, and nobody does once all is frozen
import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """A run collects garbage before it begins. What six thousand tests and their tools are made of is none: it took
    nearly half of the time of the tests that run something.
    """
    gc.collect()
    gc.freeze()
