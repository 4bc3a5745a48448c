"""The tools that some tests need beside Python and our packages: a browser, foreign servers, a cluster, another
program.

Where a tool is missing its tests are skipped, with the reason. ``.ci/run`` installs the tools and sets
``LOADWS_ALL_TOOLS``: a missing tool is then a failure.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip the test, or let it fail where all tools must be there."""
    if os.environ.get("LOADWS_ALL_TOOLS"):
        pytest.fail(f"{reason}, and LOADWS_ALL_TOOLS is set", pytrace=False)
    pytest.skip(reason)
