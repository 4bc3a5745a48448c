"""For all tests."""

from __future__ import annotations

import gc

import hypothesis  # before all is frozen: it asks who refers to what it is given, and nobody does then
import pytest

# No test asserts on wall-clock time, and hypothesis would: by default an example has 200 ms. The same commit has the same
# examples, so that a failure belongs to a change; `--hypothesis-profile=explore` draws new ones each time.
hypothesis.settings.register_profile("loadws", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, derandomize=False, max_examples=1_000)
hypothesis.settings.load_profile("loadws")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """A run collects garbage before it begins. What six thousand tests and their tools are made of is none: it took
    nearly half of the time of the tests that run something.
    """
    gc.collect()
    gc.freeze()
