"""Transports by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from loadws.terms.errors import UsageError
from loadws.terms.transports import NAMES
from loadws.transport.registry import transport


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_its_transports(name: str) -> None:
    assert transport(name).name == name


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UsageError) as error:
        transport("carrier-pigeon")
    assert str(error.value) == "there is no transport 'carrier-pigeon'"
    assert error.value.advice == "transports are: native, trio-websocket"


def test_a_library_is_imported_only_when_it_is_asked_for() -> None:
    program = "import sys, loadws.transport.registry; print('trio_websocket' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout == "False\n"
