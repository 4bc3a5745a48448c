"""A tool that is missing skips its tests, and fails them where all tools must be there."""

from __future__ import annotations

import pytest

from tests.kit.tools import missing


def test_without_the_tool_a_test_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOADWS_ALL_TOOLS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no browser"):
        missing("no browser")


def test_where_all_tools_must_be_there_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADWS_ALL_TOOLS", "1")
    with pytest.raises(pytest.fail.Exception, match="no browser, and LOADWS_ALL_TOOLS is set"):
        missing("no browser")
