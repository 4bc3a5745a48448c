"""Settings and hooks for all tests."""

from __future__ import annotations

import gc
import os

import hypothesis  # before all is frozen: it looks for references to what it is given, and frozen ones are not found
import pytest

from loadws.engine.health import Collector
from loadws.report.pipelines.services import MARKS

for _mark in MARKS.values():  # no run of a test tells the CI service that these tests may run on
    os.environ.pop(_mark, None)

# No test asserts on wall-clock time, and hypothesis would: by default an example has 200 ms. The same commit has the same
# examples, so that a failure belongs to a change; `--hypothesis-profile=explore` draws new ones each time.
hypothesis.settings.register_profile("loadws", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, derandomize=False, max_examples=1_000)
hypothesis.settings.load_profile("loadws")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Collect garbage before the first test, and freeze the rest.

    The objects that nine thousand tests consist of are never garbage. To examine them again and again took nearly half
    of the time of the tests that run a load.
    """
    gc.collect()
    gc.freeze()
    Collector.keeps_frozen = True
